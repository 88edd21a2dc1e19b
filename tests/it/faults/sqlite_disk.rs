//! The embedded store on a disk that is full or read-only: a small `tmpfs` of its own.
//! The real program on such a disk is tested in `program_disk`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use userd_core::{Actor, Timestamp, UserId};

use userd_store::{OpenSessionOutcome, SessionStore, Store};
use userd_store_sqlite::{OpenError, SqliteStore};

use userd_test_support::session_fixtures::{LIMITS, actor_at, new_session};
use userd_test_support::small_disk::{ballast, on_small_disk};
use userd_test_support::stores::{TestBackend, sqlite_settings};

/// The size of the disk: room for a whole write-ahead log of 4 MB and the database.
const DISK_BYTES: usize = 8 * 1024 * 1024;

/// The size of a file on it, until it is removed; some hundred users fill the rest.
const BALLAST_BYTES: usize = 7 * 1024 * 1024;

fn reason(error: &dyn Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_full_disk_refuses_sign_ups_until_it_is_freed_and_loses_nothing() {
    let Some(disk) = on_small_disk(
        "faults::sqlite_disk::a_full_disk_refuses_sign_ups_until_it_is_freed_and_loses_nothing",
        DISK_BYTES,
    ) else {
        return;
    };
    let ballast = ballast(&disk, BALLAST_BYTES);
    let path = disk.join("data").join("userd.db");
    let store = SqliteStore::open(&sqlite_settings(&path)).expect("there is room");
    let maker = TestBackend::Embedded.open().await;
    let (mut acknowledged, mut sessions) = (Vec::new(), Vec::new());
    let refused = loop {
        let user = maker.new_user("Somebody", &format!("n{}@x.org", acknowledged.len()));
        match store.create_user(&user, Actor::anonymous()).await {
            Ok(_) => acknowledged.push(user),
            Err(error) => break error,
        }
        let user = &acknowledged[acknowledged.len() - 1];
        let session = new_session(user, 1);
        match store.open_session(user.id, user.version, &session, &LIMITS, &actor_at(1), maker.now()).await {
            Ok(open) => sessions.push((user.id, open)),
            Err(error) => break error,
        }
    };
    assert!(reason(&refused).contains("full"), "{refused:?}");
    assert_all_open(&store, &sessions, maker.now()).await;
    assert!(store.check_health().await.is_err(), "the check says so, too");
    for user in &acknowledged {
        assert_eq!(store.user(user.id).await.expect("reads go on").as_ref(), Some(user));
    }
    fs::remove_file(&ballast).expect("freeing space");
    store.check_health().await.expect("healthy again without a restart");
    for number in 0..200 {
        let user = maker.new_user("Late", &format!("late{number}@x.org"));
        store.create_user(&user, Actor::anonymous()).await.expect("there is room");
        acknowledged.push(user);
    }
    store.close().await;
    drop(store);
    let store = SqliteStore::open(&sqlite_settings(&path)).expect("the same database");
    assert_eq!(store.users_count().await.expect("the store works"), acknowledged.len() as u64);
    for user in &acknowledged {
        assert_eq!(store.user(user.id).await.expect("the store works").as_ref(), Some(user));
    }
    assert_all_open(&store, &sessions, maker.now()).await;
}

/// Every session that was acknowledged is found.
async fn assert_all_open(store: &SqliteStore, opened: &[(UserId, OpenSessionOutcome)], now: Timestamp) {
    assert!(opened.len() > 10, "only {} sessions", opened.len());
    for (user, open) in opened {
        let OpenSessionOutcome::Opened(session) = open else { panic!("{open:?}") };
        let found = store.session(*user, session.id, now).await.expect("reads go on");
        assert_eq!(found.map(|found| found.session).as_ref(), Some(&**session));
    }
}

#[tokio::test]
async fn a_full_disk_at_the_start_is_an_error_with_a_reason() {
    let Some(disk) =
        on_small_disk("faults::sqlite_disk::a_full_disk_at_the_start_is_an_error_with_a_reason", DISK_BYTES)
    else {
        return;
    };
    // Fills the disk; the last write fails.
    let _ = fs::write(disk.join("ballast"), vec![0; 2 * DISK_BYTES]);
    let error = SqliteStore::open(&sqlite_settings(&disk.join("userd.db"))).expect_err("there is no room");
    assert!(error.to_string().contains("userd.db"), "{error}");
    assert!(matches!(error, OpenError::Full { .. } | OpenError::File { .. } | OpenError::Engine { .. }), "{error:?}");
}

#[tokio::test]
async fn a_read_only_disk_is_an_error_with_a_reason() {
    let Some(disk) = on_small_disk("faults::sqlite_disk::a_read_only_disk_is_an_error_with_a_reason", DISK_BYTES)
    else {
        return;
    };
    let path = disk.join("data").join("userd.db");
    let store = SqliteStore::open(&sqlite_settings(&path)).expect("a fresh database");
    store.close().await;
    drop(store);
    remount(&disk, "ro");
    let error = SqliteStore::open(&sqlite_settings(&path)).expect_err("the disk is read-only");
    assert!(error.to_string().contains("write"), "{error}");
    let error = SqliteStore::open(&sqlite_settings(&disk.join("new").join("userd.db"))).expect_err("no new folder");
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    remount(&disk, "rw");
    SqliteStore::open(&sqlite_settings(&path)).expect("served again");
}

/// A read-only mounted file may be in a writable folder: then the lock file can be locked.
#[tokio::test]
async fn a_read_only_file_is_an_error_with_a_reason() {
    let Some(disk) = on_small_disk("faults::sqlite_disk::a_read_only_file_is_an_error_with_a_reason", DISK_BYTES)
    else {
        return;
    };
    let path = disk.join("userd.db");
    SqliteStore::open(&sqlite_settings(&path)).expect("a fresh database").close().await;
    run("mount", &["--bind", &path.to_string_lossy(), &path.to_string_lossy()]);
    run("mount", &["-o", "remount,bind,ro", &path.to_string_lossy()]);
    let error = SqliteStore::open(&sqlite_settings(&path)).expect_err("the file is read-only");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
    run("umount", &[&path.to_string_lossy()]);
    SqliteStore::open(&sqlite_settings(&path)).expect("served again");
}

fn remount(disk: &Path, mode: &str) {
    run("mount", &["-o", &format!("remount,{mode}"), &disk.to_string_lossy()]);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().expect("the program runs");
    assert!(status.success(), "{program} {arguments:?}");
}
