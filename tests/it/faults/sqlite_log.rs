//! A database file that was copied without its log, or that has two names, is refused; complete copies open.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use userd_core::{Actor, User};
use userd_store::{KeyKind, KeyStore, Store};
use userd_store_sqlite::{
    BackupError, OfflineKeyStore, OpenError, ReadOnlyDatabase, RestoreConsent, SqliteStore, backup, restore,
};

use userd_test_support::power_journal::SurvivingWrites;
use userd_test_support::power_loss::PowerLossRecorder;
use userd_test_support::run_scale::scaled;
use userd_test_support::stores::{TestBackend, TestStore, sqlite_settings};
use userd_test_support::userd_process::UserdCommand;

const TIMEOUT: Duration = Duration::from_secs(20);

/// The folder with a copy, and its path.
fn copy_of(path: &Path, suffixes: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("userd.db");
    for suffix in suffixes {
        let from = format!("{}{suffix}", path.display());
        fs::copy(from, format!("{}{suffix}", to.display())).expect("a copy");
    }
    (folder, to)
}

/// The errors of everything that opens a database.
fn refusals(path: &Path) -> Vec<OpenError> {
    let to = path.with_file_name("copy.db");
    let copied = match backup(path, &to, false, TIMEOUT) {
        Err(BackupError::Open(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(!to.exists(), "no copy is left");
    vec![
        SqliteStore::open(&sqlite_settings(path)).expect_err("refused"),
        ReadOnlyDatabase::open(path, TIMEOUT).expect_err("refused"),
        OfflineKeyStore::open(path, TIMEOUT).expect_err("refused"),
        copied,
    ]
}

/// Whether the database opens, for reading and for serving, with exactly these users. If not, its log was missing.
async fn opens_with(path: &Path, users: &[User]) -> bool {
    let read = ReadOnlyDatabase::open(path, TIMEOUT);
    match SqliteStore::open(&sqlite_settings(path)) {
        Ok(store) => {
            assert!(read.is_ok(), "{read:?}");
            for user in users {
                assert_eq!(store.user(user.id).await.expect("the store works").as_ref(), Some(user));
            }
            assert_eq!(store.users_count().await.expect("the store works"), users.len() as u64);
            store.close().await;
            true
        }
        Err(error) => {
            assert!(matches!(error, OpenError::MissingLog(_)), "{error:?}");
            assert!(matches!(read, Err(OpenError::MissingLog(_))), "{read:?}");
            false
        }
    }
}

async fn sign_up(test: &TestStore, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for number in 0..count {
        users.push(test.signed_up("Ann", &format!("n{number}@x.org")).await);
    }
    users
}

#[tokio::test]
async fn a_copy_without_its_log_is_refused_by_everything_that_opens_it() {
    let test = TestBackend::Embedded.open().await;
    let users = sign_up(&test, 3).await;
    let (_folder, alone) = copy_of(&test.path(), &[""]);
    let before = fs::read(&alone).expect("a file");
    for error in refusals(&alone) {
        assert!(matches!(error, OpenError::MissingLog(_)), "{error:?}");
        assert!(error.to_string().contains("--accept-missing-log"), "{error}");
    }
    assert_eq!(fs::read(&alone).expect("a file"), before, "it is left alone");
    let link = alone.with_file_name("link.db");
    std::os::unix::fs::symlink(&alone, &link).expect("a link");
    assert!(!opens_with(&link, &users).await, "by another name");
    let (_folder, whole) = copy_of(&test.path(), &["", "-wal"]);
    assert!(opens_with(&whole, &users).await, "with its log");
    test.store.close().await;
    let (_folder, closed) = copy_of(&test.path(), &[""]);
    assert!(opens_with(&closed, &users).await, "a closed database has no log");
}

/// Through several checkpoints: the file alone is refused, or (during one) it has everything.
#[tokio::test]
async fn at_every_moment_of_serving_a_copy_without_its_log_is_refused() {
    let test = TestBackend::Embedded.open().await;
    let mut users = Vec::new();
    let mut sizes = std::collections::BTreeSet::new();
    for number in 0..400 {
        users.push(test.signed_up("Ann", &format!("n{number}@x.org")).await);
        sizes.insert(fs::metadata(test.path()).expect("a file").len());
        if number % 7 == 0 {
            let (_folder, alone) = copy_of(&test.path(), &[""]);
            assert!(!opens_with(&alone, &users).await, "after {number}");
            let (_folder, whole) = copy_of(&test.path(), &["", "-wal"]);
            assert!(opens_with(&whole, &users).await, "after {number}");
        }
    }
    assert!(sizes.len() > 2, "only {sizes:?}: the log was not moved often enough for this test");
}

#[tokio::test]
async fn complete_copies_of_a_served_database_open() {
    let test = TestBackend::Embedded.open().await;
    let users = sign_up(&test, 3).await;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let shell = Connection::open(test.path()).expect("the database opens");
    shell.execute("VACUUM INTO ?1", [at("vacuum.db").to_str().expect("a path")]).expect("a copy");
    shell.backup("main", at("dot-backup.db"), None::<fn(rusqlite::backup::Progress)>).expect("a copy");
    drop(shell);
    backup(&test.path(), &at("backup.db"), false, TIMEOUT).expect("a copy");
    for name in ["vacuum.db", "dot-backup.db", "backup.db"] {
        restore(&at(name), &at("restored.db"), RestoreConsent { replace: true, ..RestoreConsent::default() }, TIMEOUT)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(opens_with(&at("restored.db"), &users).await, "{name}");
        assert!(opens_with(&at(name), &users).await, "{name}");
    }
}

/// A crash, and then another program that moves the log into the file and deletes it.
#[tokio::test]
async fn a_log_that_another_program_has_moved_into_the_file_is_not_missed() {
    let test = TestBackend::Embedded.open().await;
    let users = sign_up(&test, 3).await;
    let (_folder, crashed) = copy_of(&test.path(), &["", "-wal"]);
    let shell = Connection::open(&crashed).expect("the database opens");
    let count: i64 = shell.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 3);
    drop(shell);
    assert!(!PathBuf::from(format!("{}-wal", crashed.display())).exists(), "SQLite has deleted it");
    assert!(opens_with(&crashed, &users).await);
    let (_folder, crashed) = copy_of(&test.path(), &["", "-wal"]);
    let keys = OfflineKeyStore::open(&crashed, TIMEOUT).expect("a crashed database");
    assert!(keys.replace_key(KeyKind::Api, "a", None, Some("one")).await.expect("the store works"));
    drop(keys);
    assert!(opens_with(&crashed, &users).await);
}

#[tokio::test]
async fn a_file_without_its_log_is_restored_only_with_consent() {
    let test = TestBackend::Embedded.open().await;
    sign_up(&test, 2).await;
    let (folder, alone) = copy_of(&test.path(), &[""]);
    let database = folder.path().join("data").join("userd.db");
    let refused = restore(&alone, &database, RestoreConsent::default(), TIMEOUT);
    assert!(matches!(refused, Err(BackupError::Open(OpenError::MissingLog(_)))), "{refused:?}");
    assert!(!database.exists());
    let accepted = RestoreConsent { missing_log: true, ..RestoreConsent::default() };
    restore(&alone, &database, accepted, TIMEOUT).expect("accepted");
    assert!(opens_with(&database, &[]).await, "what was in the log is lost");
    // An incomplete database at its place does not prevent a restore, and stays what it is.
    let copy = folder.path().join("backup.db");
    backup(&test.path(), &copy, false, TIMEOUT).expect("a copy");
    let replace = RestoreConsent { replace: true, ..RestoreConsent::default() };
    let restored = restore(&copy, &alone, replace, TIMEOUT).expect("a restore");
    assert_eq!(restored.users, 2);
    let previous = restored.previous.expect("it is kept");
    assert!(matches!(SqliteStore::open(&sqlite_settings(&previous)), Err(OpenError::MissingLog(_))));
}

#[tokio::test]
async fn a_database_with_two_names_is_refused_by_each_of_them() {
    let test = TestBackend::Embedded.open().await;
    let users = sign_up(&test, 2).await;
    let other = test.path().with_file_name("other.db");
    fs::hard_link(test.path(), &other).expect("a second name");
    for error in refusals(&other) {
        assert!(matches!(error, OpenError::HardLinked { names: 2, .. }), "while it is served: {error:?}");
        assert!(error.to_string().contains("-samefile"), "{error}");
    }
    test.store.close().await;
    for path in [&other, &test.path()] {
        for error in refusals(path) {
            assert!(matches!(error, OpenError::HardLinked { names: 2, .. }), "{error:?}");
        }
    }
    fs::remove_file(&other).expect("it is ours");
    assert!(opens_with(&test.path(), &users).await, "with one name again");
    // A restore that was killed before its rename leaves the database under both names; a repeat ends it.
    let copy = test.path().with_file_name("backup.db");
    backup(&test.path(), &copy, false, TIMEOUT).expect("a copy");
    fs::hard_link(test.path(), test.path().with_file_name("userd.db.before-restore-1")).expect("a second name");
    let replace = RestoreConsent { replace: true, ..RestoreConsent::default() };
    restore(&copy, &test.path(), replace, TIMEOUT).expect("a restore");
    assert!(opens_with(&test.path(), &users).await, "after the restore was repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_program_refuses_a_copy_without_its_log() {
    let test = TestBackend::Embedded.open().await;
    sign_up(&test, 2).await;
    let (folder, alone) = copy_of(&test.path(), &[""]);
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().store(&format!("sqlite:{}", alone.display()));
    assert!(launch.try_start().is_none(), "it does not serve");
    let commands: [&[&str]; 9] = [
        &["doctor"],
        &["doctor", "--repair"],
        &["export"],
        &["import", "/dev/null"],
        &["user", "list"],
        &["stats"],
        &["api-keys", "list"],
        &["signing-keys", "list"],
        &["backup", "copy.db"],
    ];
    for command in commands {
        let output = launch.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("write-ahead log") && said.contains("--accept-missing-log"), "{command:?}: {said}");
    }
    let there = UserdCommand::in_folder(folder.path()).store("sqlite:restored.db");
    let restore = |flags: &[&str]| there.run(&[&["restore", "userd.db"], flags].concat()).status.code();
    assert_eq!((restore(&[]), restore(&["--accept-missing-log"])), (Some(1), Some(0)));
    assert_eq!(there.run(&["doctor"]).status.code(), Some(0));
}

/// What `kill -9` or a power cut leaves at each sync, truncation and deletion of a start and a stop.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_each_step_of_start_and_stop_it_opens_again() {
    let maker = TestBackend::Embedded.open().await;
    let ann = maker.signed_up("Ann", "ann@x.org").await;
    let users = [ann];
    maker.store.close().await;
    // In the long form also each write and creation.
    let on = ["STUR", "CWTSUR"][scaled(0, 1)];
    let mut killed = 0;
    for at in 0.. {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("userd-data").join("userd.db");
        fs::create_dir(path.parent().expect("a folder")).expect("a folder");
        fs::copy(maker.path(), &path).expect("a copy");
        let power = PowerLossRecorder::watch(folder.path());
        let launch = UserdCommand::in_folder(folder.path())
            .cheap_hashes()
            .with_environment(power.environment())
            .environment("POWER_LOSS_KILL_AT", &at.to_string())
            .environment("POWER_LOSS_KILL_ON", on);
        let clean = launch.try_start().is_some_and(|mut serving| {
            serving.terminate_if_running();
            serving.wait() == Some(0)
        });
        let records = power.records();
        for (seed, keep) in (0..).zip(SurvivingWrites::ALL) {
            let image = power.cut_power(&records, records.len(), keep, seed);
            let path = image.path().join("userd-data").join("userd.db");
            let (_folder, alone) = copy_of(&path, &[""]);
            assert!(opens_with(&path, &users).await, "{keep:?} at event {at}");
            // Complete or refused; never with users missing.
            opens_with(&alone, &users).await;
        }
        assert!(opens_with(&path, &users).await, "killed at event {at}");
        if clean {
            break;
        }
        killed += 1;
    }
    assert!(killed > 10, "only {killed} steps");
}

/// The version before had no mark.
#[tokio::test]
async fn a_database_without_the_mark_opens_as_before() {
    let test = TestBackend::Embedded.open().await;
    let users = sign_up(&test, 2).await;
    test.store.close().await;
    let shell = Connection::open(test.path()).expect("the database opens");
    assert_eq!(shell.execute("DELETE FROM meta WHERE key = 'needs_log'", []).expect("deleted"), 1);
    drop(shell);
    assert!(opens_with(&test.path(), &users).await);
    let store = SqliteStore::open(&sqlite_settings(&test.path())).expect("the same database");
    let bob = test.new_user("Bob", "bob@x.org");
    store.create_user(&bob, Actor::anonymous()).await.expect("the store works");
    let (_folder, alone) = copy_of(&test.path(), &[""]);
    assert!(!opens_with(&alone, &users).await, "it has the mark from now on");
}
