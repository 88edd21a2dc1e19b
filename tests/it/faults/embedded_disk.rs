//! The embedded store on a disk that is full or read-only: a real one, a small `tmpfs` of its own.
//!
//! Mounting needs rights, so each test starts itself again inside `unshare --map-root-user --mount` (Linux), where
//! it may mount and nothing outlives it. Where the system forbids that (some containers), the test says so and
//! is skipped; the full file is tested without rights beside the store's own code, too.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use userd::store::Store;
use userd::store::embedded::{EmbeddedStore, OpenError};

use crate::support::stores::{Backend, TestStore, settings};

/// Tells the test that it has been started again, and where its disk is.
const DISK: &str = "USERD_TEST_DISK";

/// The disk: room for a whole write-ahead log of 4 MB and the database beside it.
const DISK_BYTES: usize = 8 * 1024 * 1024;

/// What lies on it until it is freed; beside it some hundred users fill the disk.
const BALLAST_BYTES: usize = 7 * 1024 * 1024;

/// The disk, if this is the process that has one; otherwise runs `test` in such a process and waits for it.
fn disk(test: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the only way to tell a test that it was started again")]
    if let Some(disk) = std::env::var_os(DISK) {
        return Some(disk.into());
    }
    let allowed = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("{test} is skipped: this system lets nobody mount a disk of their own (unshare --mount)");
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script =
        format!("mount -t tmpfs -o size={DISK_BYTES} tmpfs \"${DISK}\" && exec \"$0\" --exact {test} --nocapture");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("this program"))
        .env(DISK, folder.path())
        .output()
        .expect("unshare runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("1 passed"), "{test} was not found: {out}{err}");
    None
}

fn reason(error: &dyn Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_full_disk_refuses_sign_ups_until_it_is_freed_and_loses_nothing() {
    let Some(disk) = disk("faults::embedded_disk::a_full_disk_refuses_sign_ups_until_it_is_freed_and_loses_nothing")
    else {
        return;
    };
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).expect("the disk is empty");
    let path = disk.join("data").join("userd.db");
    let store = EmbeddedStore::open(&settings(&path)).expect("there is room");
    let maker = TestStore::open(Backend::Embedded).await;
    let mut acknowledged = Vec::new();
    let refused = loop {
        let user = maker.somebody("Somebody", &format!("n{}@x.org", acknowledged.len()));
        match store.insert_user(&user).await {
            Ok(_) => acknowledged.push(user),
            Err(error) => break error,
        }
    };
    assert!(reason(&refused).contains("full"), "{refused:?}");
    assert!(store.check().await.is_err(), "the check says so, too");
    for user in &acknowledged {
        assert_eq!(store.user(user.id).await.expect("reads go on").as_ref(), Some(user));
    }
    fs::remove_file(&ballast).expect("freeing space");
    store.check().await.expect("found well again without a restart");
    for number in 0..200 {
        let user = maker.somebody("Late", &format!("late{number}@x.org"));
        store.insert_user(&user).await.expect("there is room");
        acknowledged.push(user);
    }
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(&settings(&path)).expect("the same database");
    assert_eq!(store.users_count().await.expect("the store works"), acknowledged.len() as u64);
    for user in &acknowledged {
        assert_eq!(store.user(user.id).await.expect("the store works").as_ref(), Some(user));
    }
}

#[tokio::test]
async fn a_full_disk_at_the_start_is_a_sentence() {
    let Some(disk) = disk("faults::embedded_disk::a_full_disk_at_the_start_is_a_sentence") else { return };
    // As much as there is room for; the last write says that there is none.
    let _ = fs::write(disk.join("ballast"), vec![0; 2 * DISK_BYTES]);
    let error = EmbeddedStore::open(&settings(&disk.join("userd.db"))).expect_err("there is no room");
    assert!(error.to_string().contains("userd.db"), "{error}");
    assert!(matches!(error, OpenError::Full { .. } | OpenError::File { .. } | OpenError::Engine { .. }), "{error:?}");
}

#[tokio::test]
async fn a_read_only_disk_is_a_sentence() {
    let Some(disk) = disk("faults::embedded_disk::a_read_only_disk_is_a_sentence") else { return };
    let path = disk.join("data").join("userd.db");
    let store = EmbeddedStore::open(&settings(&path)).expect("a fresh database");
    store.close().await;
    drop(store);
    remount(&disk, "ro");
    let error = EmbeddedStore::open(&settings(&path)).expect_err("the disk is read-only");
    assert!(error.to_string().contains("write"), "{error}");
    let error = EmbeddedStore::open(&settings(&disk.join("new").join("userd.db"))).expect_err("no new folder");
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    remount(&disk, "rw");
    EmbeddedStore::open(&settings(&path)).expect("served again");
}

/// Mounted read-only, a file may still be in a folder that can be written: then the lock can be had.
#[tokio::test]
async fn a_read_only_file_is_a_sentence() {
    let Some(disk) = disk("faults::embedded_disk::a_read_only_file_is_a_sentence") else { return };
    let path = disk.join("userd.db");
    EmbeddedStore::open(&settings(&path)).expect("a fresh database").close().await;
    run("mount", &["--bind", &path.to_string_lossy(), &path.to_string_lossy()]);
    run("mount", &["-o", "remount,bind,ro", &path.to_string_lossy()]);
    let error = EmbeddedStore::open(&settings(&path)).expect_err("the file is read-only");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
    run("umount", &[&path.to_string_lossy()]);
    EmbeddedStore::open(&settings(&path)).expect("served again");
}

fn remount(disk: &Path, mode: &str) {
    run("mount", &["-o", &format!("remount,{mode}"), &disk.to_string_lossy()]);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().expect("the program runs");
    assert!(status.success(), "{program} {arguments:?}");
}
