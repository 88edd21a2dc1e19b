//! The file that an export writes: whole, or not there.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::{err, file_of, import, place, words};
use crate::support::disk::disk;

/// Some hundred KB of lines: more than a pipe holds, and than the small disk.
const USERS: usize = 2_000;

#[test]
fn on_a_full_disk_an_export_leaves_no_file() {
    let Some(disk) = disk("moving::files::on_a_full_disk_an_export_leaves_no_file", 256 * 1024) else { return };
    let (folder, launch) = place();
    import(&launch, &[words(&file_of(folder.path(), USERS))]);
    let place = disk.join("users.ndjson");
    let output = launch.run(&["export", "--output", words(&place)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("can't write: No space left on device"), "{}", err(&output));
    assert_eq!(fs::read_dir(&disk).expect("the disk is there").count(), 0, "nothing stays");
}

#[test]
fn an_exported_file_is_its_owners_alone_and_takes_the_place_of_an_older_one() {
    let (folder, launch) = place();
    import(&launch, &[words(&file_of(folder.path(), 3))]);
    let place = folder.path().join("out.ndjson");
    fs::write(&place, "older").expect("there is room");
    assert_eq!(launch.run(&["export", "--output", words(&place)]).status.code(), Some(0));
    let mode = fs::metadata(&place).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode, fs::read_to_string(&place).expect("text").lines().count()), (0o600, 5));
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".part-")), "{left:?}");
}

#[test]
fn a_reader_that_goes_away_ends_an_export_without_a_word() {
    let (folder, launch) = place();
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
