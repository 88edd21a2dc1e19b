//! The file that an export writes: complete, or absent.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{err, file_of, import, setup, words};
use userd_test_support::redis_server::wait_for;
use userd_test_support::small_disk::on_small_disk;

/// Some hundred KB of lines: more than fits into a pipe or onto the small disk.
const USERS: usize = 2_000;

fn part(place: &Path) -> PathBuf {
    PathBuf::from(format!("{}.part", place.display()))
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", err(output));
    assert!(err(output).contains(why), "no {why:?} in {}", err(output));
}

#[test]
fn on_a_full_disk_an_export_leaves_no_file() {
    let Some(disk) = on_small_disk("import_export::files::on_a_full_disk_an_export_leaves_no_file", 256 * 1024) else {
        return;
    };
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), USERS))]);
    let place = disk.join("users.ndjson");
    let output = launch.run(&["export", "--output", words(&place)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("can't write: No space left on device"), "{}", err(&output));
    assert_eq!(fs::read_dir(&disk).expect("the disk is there").count(), 0, "nothing stays");
}

#[test]
fn an_exported_file_is_private_and_replaces_an_older_one_only_with_the_flag() {
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), 3))]);
    let place = folder.path().join("out.ndjson");
    fs::write(&place, "older").expect("there is room");
    refused(
        &launch.run(&["export", "--output", words(&place)]),
        "exists already; choose another name, or use --replace",
    );
    assert_eq!(fs::read_to_string(&place).expect("text"), "older");
    // A part left by a crash, readable by others.
    fs::write(part(&place), "half").expect("there is room");
    assert_eq!(launch.run(&["export", "--replace", "--output", words(&place)]).status.code(), Some(0));
    let mode = fs::metadata(&place).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode, fs::read_to_string(&place).expect("text").lines().count()), (0o600, 5));
    assert!(!part(&place).exists());
}

#[test]
fn an_export_never_replaces_the_store_or_anything_but_a_regular_file() {
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), 3))]);
    let store = folder.path().join("userd-data/userd.db");
    let before = fs::read(&store).expect("the store");
    symlink(&store, folder.path().join("link")).expect("links can be made");
    let lock = folder.path().join("userd-data/userd.db.lock");
    for (place, why) in [
        (words(&store), "belongs to the store itself"),
        (words(&lock), "belongs to the store itself"),
        ("link", "belongs to the store itself"),
        ("/dev/stdout", "is not a regular file; to write to standard output, omit --output"),
        ("/dev/null", "is not a regular file"),
        (".", "can't write"),
    ] {
        refused(&launch.run(&["export", "--replace", "--output", place]), why);
    }
    assert_eq!(fs::read(&store).expect("the store"), before);
}

#[test]
fn a_signal_leaves_no_part_and_a_kill_leaves_one_that_is_reused() {
    // A server that never answers: the file is created, and stays empty.
    let silent = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let url = format!("redis://{}", silent.local_addr().expect("it has an address"));
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), 3))]);
    let place = folder.path().join("out.ndjson");
    for (signal, stays) in [(Signal::TERM, false), (Signal::INT, false), (Signal::KILL, true)] {
        let export = Command::new(env!("CARGO_BIN_EXE_userd"))
            .args(["export", "--store", &url, "--output", words(&place)])
            .current_dir(folder.path())
            .env_clear()
            .env("USERD_REDIS__TIMEOUT_MS", "60000")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        wait_for("the part to be there", || part(&place).exists());
        kill_process(Pid::from_child(&export), signal).expect("the process is ours");
        let output = export.wait_with_output().expect("it ends");
        assert_eq!((part(&place).exists(), place.exists()), (stays, false), "{signal:?}: {}", err(&output));
        assert!(stays || err(&output).contains("stopped by a signal; no file is left"), "{}", err(&output));
    }
    assert_eq!(launch.run(&["export", "--output", words(&place)]).status.code(), Some(0));
    assert_eq!((part(&place).exists(), fs::read_to_string(&place).expect("text").lines().count()), (false, 5));
}

#[test]
fn a_reader_that_goes_away_ends_an_export_silently() {
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), USERS))]);
    let mut export = Command::new(env!("CARGO_BIN_EXE_userd"))
        .arg("export")
        .current_dir(folder.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut reader = BufReader::new(export.stdout.take().expect("a pipe"));
    let mut first = String::new();
    reader.read_line(&mut first).expect("a line");
    assert!(first.contains("userd-export"), "{first}");
    drop(reader);
    let output = export.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), err(&output)), (Some(1), String::new()));
}
