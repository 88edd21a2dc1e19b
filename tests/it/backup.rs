//! `userd backup` and `userd restore` of the real program: under load, on a full disk, killed, refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use rusqlite::Connection;
use tempfile::TempDir;

use userd_test_support::http_client::{fetch, sign_up};
use userd_test_support::load::{LoadGenerator, assert_all_present, users_count};
use userd_test_support::redis_server::pause;
use userd_test_support::small_disk::on_small_disk;
use userd_test_support::stores::audit_database;
use userd_test_support::userd_process::UserdCommand;

/// Enough that a copy takes some hundred milliseconds.
const FILLER_BYTES: usize = 64 * 1024 * 1024;

struct BackupSetup {
    _folder: TempDir,
    launch: UserdCommand,
    database: PathBuf,
    copy: PathBuf,
}

fn setup() -> BackupSetup {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, copy) = (folder.path().join("data").join("userd.db"), folder.path().join("copy.db"));
    let launch = UserdCommand::in_folder(folder.path()).store(&format!("sqlite:{}", database.display()));
    BackupSetup { _folder: folder, launch: launch.cheap_hashes().without_rate_limits(), database, copy }
}

impl BackupSetup {
    fn backup(&self, to: &Path) -> Output {
        self.launch.run(&["backup", &to.to_string_lossy()])
    }

    fn restore(&self, flags: &[&str]) -> Output {
        self.launch.run(&[&["restore", &self.copy.to_string_lossy()], flags].concat())
    }

    /// Signs a user up with a server, which is stopped afterwards; returns the number of users.
    async fn sign_up_and_stop(&self, email: &str) -> usize {
        let serving = self.launch.start();
        assert_eq!(fetch(serving.address(), &sign_up(email)).await.status, 200);
        let count = users_count(serving.address()).await;
        assert_eq!(serving.stop().0, Some(0));
        count
    }
}

/// The names in a directory.
fn list_folder(folder: &Path) -> Vec<String> {
    let names = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words) && said.lines().count() == 1, "no {words:?} in {said}");
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn part(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.part", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_write_load_is_a_snapshot_and_is_served_after_a_restore() {
    let setup = setup();
    let serving = setup.launch.start();
    let load = LoadGenerator::start(serving.address(), 4, "load");
    load.wait_until_more_acknowledged(100).await;
    let before = load.now().acknowledged;
    let said = done(&setup.backup(&setup.copy));
    load.wait_until_more_acknowledged(50).await;
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert_eq!(tally.refused(), 0, "no request was refused: {:?}", tally.statuses);
    assert_eq!(serving.stop().0, Some(0));
    assert_eq!(audit_database(&setup.copy).expect("a database"), Vec::<String>::new());
    assert_eq!(fs::metadata(&setup.copy).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(!part(&setup.copy).exists());
    let put_back = done(&setup.restore(&["--replace"]));
    assert!(put_back.contains("before-restore-1"), "{put_back}");
    let serving = setup.launch.start();
    assert_all_present(serving.address(), &before).await;
    let there = users_count(serving.address()).await;
    assert!(said.contains(&format!("{there} users")), "{there}: {said}");
    assert_eq!(fetch(serving.address(), &sign_up("late@example.org")).await.status, 200);
    assert_eq!(serving.stop().0, Some(0));
    let kept = setup.database.with_file_name("userd.db.before-restore-1");
    let kept = Connection::open(kept).expect("a database");
    let count: i64 = kept.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).expect("a count");
    assert!(usize::try_from(count).expect("a count") >= tally.acknowledged.len(), "what was there is kept whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_or_runs_out_of_disk_leaves_no_file_that_looks_complete() {
    let name = "backup::a_backup_that_is_killed_or_runs_out_of_disk_leaves_no_file_that_looks_complete";
    let Some(disk) = on_small_disk(name, FILLER_BYTES / 8) else { return };
    let setup = setup();
    setup.sign_up_and_stop("ada@example.org").await;
    let raw = Connection::open(&setup.database).expect("a database");
    raw.execute_batch(&format!("CREATE TABLE theirs AS SELECT zeroblob({FILLER_BYTES}) AS filler")).expect("room");
    drop(raw);

    let copy = disk.join("copy.db");
    refused(&setup.backup(&copy), 1, "is the disk full?");
    assert_eq!(list_folder(&disk), Vec::<String>::new(), "nothing is left");

    let mut killed = setup.launch.clone().flags(&["backup", &setup.copy.to_string_lossy()]).spawn();
    while !part(&setup.copy).exists() {
        assert_eq!(killed.try_exit_code(), None, "{}", killed.log());
        pause();
    }
    killed.kill();
    assert!(!setup.copy.exists() && part(&setup.copy).exists());
    refused(&setup.restore(&["--replace"]), 1, "copy.db");
    done(&setup.backup(&setup.copy));
    assert!(setup.copy.exists() && !part(&setup.copy).exists(), "what was left is no obstacle");
    assert_eq!(audit_database(&setup.copy).expect("a database"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_complete_and_known_database_is_restored_and_nothing_is_overwritten() {
    let setup = setup();
    setup.sign_up_and_stop("ada@example.org").await;
    done(&setup.backup(&setup.copy));
    refused(&setup.backup(&setup.copy), 1, "already exists");
    refused(&setup.backup(&setup.database), 1, "is the database itself");
    refused(&setup.restore(&[]), 1, "already exists");
    let (folder, other) = (setup.copy.parent().expect("a folder"), setup.copy.with_file_name("other.db"));
    let mut elsewhere =
        UserdCommand::in_folder(folder).cheap_hashes().store(&format!("sqlite:{}", other.display())).start();
    assert_eq!(fetch(elsewhere.address(), &sign_up("eve@example.org")).await.status, 200);
    let onto = |to: &Path| setup.launch.run(&["backup", &to.to_string_lossy(), "--replace"]);
    refused(&onto(&other), 1, "is being served by another userd");
    elsewhere.kill();
    refused(&onto(&other), 1, "contains changes");
    done(&onto(&setup.copy));
    assert!(!setup.copy.with_file_name("copy.db.lock").exists(), "a copy needs no lock beside it");
    let serving = setup.launch.start();
    refused(&setup.restore(&["--replace"]), 1, "is being served by another userd");
    assert_eq!(serving.stop().0, Some(0));

    let whole = fs::read(&setup.copy).expect("a file");
    let before = fs::read(&setup.database).expect("a file");
    let edited = |sql: &str| {
        fs::write(&setup.copy, &whole).expect("a file");
        Connection::open(&setup.copy).expect("a database").execute_batch(sql).expect("an edit");
        fs::read(&setup.copy).expect("a file")
    };
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    let users_page = whole.windows(15).rposition(|bytes| bytes == b"ada@example.org").expect("she is there") / 4096;
    let mut damaged = whole.clone();
    damaged[users_page * 4096..users_page * 4096 + 64].fill(0xff);
    for (bytes, words) in [
        (b"not a database, but long enough to look like one at a glance".repeat(90), "not an SQLite database"),
        (Vec::new(), "belongs to another program"),
        (edited("PRAGMA application_id = 7"), "belongs to another program"),
        (edited("PRAGMA user_version = 99"), "has schema 99"),
        (edited("UPDATE meta SET value = 77 WHERE key = 'canonical_version'"), "version 77 of the rules"),
        (edited("DROP TRIGGER users_counted_up"), "the definition of users_counted_up"),
        (torn, "damaged"),
        (damaged, "damage"),
    ] {
        fs::write(&setup.copy, bytes).expect("a file");
        refused(&setup.restore(&["--replace"]), 1, words);
        assert_eq!(list_folder(setup.database.parent().expect("a folder")), ["userd.db", "userd.db.lock"], "{words}");
    }
    fs::write(&setup.copy, &whole).expect("a file");
    fs::write(format!("{}-wal", setup.copy.display()), b"changes").expect("a file");
    refused(&setup.restore(&["--replace"]), 1, "no backup");
    assert_eq!(fs::read(&setup.database).expect("a file"), before, "it is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_to_an_empty_place_and_a_crashed_database_keeps_its_log() {
    let setup = setup();
    let mut serving = setup.launch.start();
    assert_eq!(fetch(serving.address(), &sign_up("ada@example.org")).await.status, 200);
    done(&setup.backup(&setup.copy));
    assert_eq!(fetch(serving.address(), &sign_up("bob@example.org")).await.status, 200);
    serving.kill();
    done(&setup.restore(&["--replace"]));
    let kept = Connection::open(setup.database.with_file_name("userd.db.before-restore-1")).expect("a database");
    let count: i64 = kept.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 2, "what was in the log is not lost");
    drop(kept);
    fs::remove_dir_all(setup.database.parent().expect("a folder")).expect("it is ours");
    assert!(done(&setup.restore(&[])).contains("1 users"));
    assert_eq!(setup.sign_up_and_stop("bob@example.org").await, 2);
}

#[test]
fn with_a_redis_both_name_the_page_on_its_backups() {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).store("redis://127.0.0.1:1");
    for command in ["backup", "restore"] {
        refused(&launch.run(&[command, "copy.db"]), 2, "docs/operations/backup.md");
    }
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
}
