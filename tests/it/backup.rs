//! `userd backup` and `userd restore`, with the real program: during a storm, on a full disk, killed, refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use rusqlite::Connection;
use tempfile::TempDir;

use userd_test_support::disk::disk;
use userd_test_support::http::{ask, sign_up};
use userd_test_support::load::{Load, assert_all_there, users_count};
use userd_test_support::program::Launch;
use userd_test_support::redis_server::pause;
use userd_test_support::stores::audit_database;

/// So much that a copy takes some hundred milliseconds.
const FILLER_BYTES: usize = 64 * 1024 * 1024;

struct Scene {
    _folder: TempDir,
    launch: Launch,
    database: PathBuf,
    copy: PathBuf,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, copy) = (folder.path().join("data").join("userd.db"), folder.path().join("copy.db"));
    let launch = Launch::in_folder(folder.path()).store(&format!("sqlite:{}", database.display()));
    Scene { _folder: folder, launch: launch.cheap_hashes().unthrottled(), database, copy }
}

impl Scene {
    fn backup(&self, to: &Path) -> Output {
        self.launch.run(&["backup", &to.to_string_lossy()])
    }

    fn restore(&self, flags: &[&str]) -> Output {
        self.launch.run(&[&["restore", &self.copy.to_string_lossy()], flags].concat())
    }

    /// Somebody who signs up while it is served, which ends then.
    async fn with(&self, email: &str) -> usize {
        let serving = self.launch.start();
        assert_eq!(ask(serving.address(), &sign_up(email)).await.status, 200);
        let count = users_count(serving.address()).await;
        assert_eq!(serving.stop().0, Some(0));
        count
    }
}

/// The names in a folder.
fn lies_in(folder: &Path) -> Vec<String> {
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
async fn a_backup_during_a_storm_of_writes_is_of_one_moment_and_is_served_when_put_back() {
    let scene = scene();
    let serving = scene.launch.start();
    let load = Load::start(serving.address(), 4, "load");
    load.until_more_acknowledged(100).await;
    let before = load.now().acknowledged;
    let said = done(&scene.backup(&scene.copy));
    load.until_more_acknowledged(50).await;
    let tally = load.stop().await;
    tally.assert_decent();
    assert_eq!(tally.refused(), 0, "nobody was held up: {:?}", tally.statuses);
    assert_eq!(serving.stop().0, Some(0));
    assert_eq!(audit_database(&scene.copy).expect("a database"), Vec::<String>::new());
    assert_eq!(fs::metadata(&scene.copy).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(!part(&scene.copy).exists());
    let put_back = done(&scene.restore(&["--replace"]));
    assert!(put_back.contains("before-restore-1"), "{put_back}");
    let serving = scene.launch.start();
    assert_all_there(serving.address(), &before).await;
    let there = users_count(serving.address()).await;
    assert!(said.contains(&format!("{there} users")), "{there}: {said}");
    assert_eq!(ask(serving.address(), &sign_up("late@example.org")).await.status, 200);
    assert_eq!(serving.stop().0, Some(0));
    let kept = scene.database.with_file_name("userd.db.before-restore-1");
    let kept = Connection::open(kept).expect("a database");
    let count: i64 = kept.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).expect("a count");
    assert!(usize::try_from(count).expect("a count") >= tally.acknowledged.len(), "what was there is kept whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_or_finds_no_room_leaves_no_file_that_looks_whole() {
    let name = "backup::a_backup_that_is_killed_or_finds_no_room_leaves_no_file_that_looks_whole";
    let Some(disk) = disk(name, FILLER_BYTES / 8) else { return };
    let scene = scene();
    scene.with("ada@example.org").await;
    let raw = Connection::open(&scene.database).expect("a database");
    raw.execute_batch(&format!("CREATE TABLE theirs AS SELECT zeroblob({FILLER_BYTES}) AS filler")).expect("room");
    drop(raw);

    let copy = disk.join("copy.db");
    refused(&scene.backup(&copy), 1, "is the disk full?");
    assert_eq!(lies_in(&disk), Vec::<String>::new(), "nothing is left");

    let mut killed = scene.launch.clone().flags(&["backup", &scene.copy.to_string_lossy()]).spawn();
    while !part(&scene.copy).exists() {
        assert_eq!(killed.ended(), None, "{}", killed.log());
        pause();
    }
    killed.kill();
    assert!(!scene.copy.exists() && part(&scene.copy).exists());
    refused(&scene.restore(&["--replace"]), 1, "copy.db");
    done(&scene.backup(&scene.copy));
    assert!(scene.copy.exists() && !part(&scene.copy).exists(), "what was left is no obstacle");
    assert_eq!(audit_database(&scene.copy).expect("a database"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_back_that_is_not_whole_ours_and_known_and_nothing_is_overwritten() {
    let scene = scene();
    scene.with("ada@example.org").await;
    done(&scene.backup(&scene.copy));
    refused(&scene.backup(&scene.copy), 1, "is there already");
    refused(&scene.backup(&scene.database), 1, "is the database itself");
    refused(&scene.restore(&[]), 1, "is there already");
    let (folder, other) = (scene.copy.parent().expect("a folder"), scene.copy.with_file_name("other.db"));
    let mut elsewhere = Launch::in_folder(folder).cheap_hashes().store(&format!("sqlite:{}", other.display())).start();
    assert_eq!(ask(elsewhere.address(), &sign_up("eve@example.org")).await.status, 200);
    let onto = |to: &Path| scene.launch.run(&["backup", &to.to_string_lossy(), "--replace"]);
    refused(&onto(&other), 1, "is being served by another userd");
    elsewhere.kill();
    refused(&onto(&other), 1, "lies beside it and holds changes");
    done(&onto(&scene.copy));
    assert!(!scene.copy.with_file_name("copy.db.lock").exists(), "a copy needs no lock beside it");
    let serving = scene.launch.start();
    refused(&scene.restore(&["--replace"]), 1, "is being served by another userd");
    assert_eq!(serving.stop().0, Some(0));

    let whole = fs::read(&scene.copy).expect("a file");
    let before = fs::read(&scene.database).expect("a file");
    let edited = |sql: &str| {
        fs::write(&scene.copy, &whole).expect("a file");
        Connection::open(&scene.copy).expect("a database").execute_batch(sql).expect("an edit");
        fs::read(&scene.copy).expect("a file")
    };
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    let users_page = whole.windows(15).rposition(|bytes| bytes == b"ada@example.org").expect("she is there") / 4096;
    let mut damaged = whole.clone();
    damaged[users_page * 4096..users_page * 4096 + 64].fill(0xff);
    for (bytes, words) in [
        (
            b"not a database, but long enough to be taken for one by somebody in a hurry".repeat(90),
            "not an SQLite database",
        ),
        (Vec::new(), "belongs to another program"),
        (edited("PRAGMA application_id = 7"), "belongs to another program"),
        (edited("PRAGMA user_version = 99"), "has schema 99"),
        (edited("UPDATE meta SET value = 77 WHERE key = 'canonical_version'"), "version 77 of the rules"),
        (edited("DROP TRIGGER users_counted_up"), "the definition of users_counted_up"),
        (torn, "damaged"),
        (damaged, "damage"),
    ] {
        fs::write(&scene.copy, bytes).expect("a file");
        refused(&scene.restore(&["--replace"]), 1, words);
        assert_eq!(lies_in(scene.database.parent().expect("a folder")), ["userd.db", "userd.db.lock"], "{words}");
    }
    fs::write(&scene.copy, &whole).expect("a file");
    fs::write(format!("{}-wal", scene.copy.display()), b"changes").expect("a file");
    refused(&scene.restore(&["--replace"]), 1, "no backup");
    assert_eq!(fs::read(&scene.database).expect("a file"), before, "it is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_put_where_nothing_was_and_a_crashed_database_keeps_its_log() {
    let scene = scene();
    let mut serving = scene.launch.start();
    assert_eq!(ask(serving.address(), &sign_up("ada@example.org")).await.status, 200);
    done(&scene.backup(&scene.copy));
    assert_eq!(ask(serving.address(), &sign_up("bob@example.org")).await.status, 200);
    serving.kill();
    done(&scene.restore(&["--replace"]));
    let kept = Connection::open(scene.database.with_file_name("userd.db.before-restore-1")).expect("a database");
    let count: i64 = kept.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 2, "what was in the log is not lost");
    drop(kept);
    fs::remove_dir_all(scene.database.parent().expect("a folder")).expect("it is ours");
    assert!(done(&scene.restore(&[])).contains("1 users"));
    assert_eq!(scene.with("bob@example.org").await, 2);
}

#[test]
fn with_a_redis_both_say_what_to_do_instead() {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = Launch::in_folder(folder.path()).store("redis://127.0.0.1:1");
    for command in ["backup", "restore"] {
        refused(&launch.run(&[command, "copy.db"]), 2, "docs/operations/backup.md");
    }
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
}
