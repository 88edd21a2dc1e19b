//! Damage in a SQLite file, planted around the store.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use userd_core::clock::ManualClock;
use userd_core::{Actor, CanonicalEmail, Email, User};
use userd_service::doctor::DoctorReport;
use userd_store::FindingKind::{CanonicalMismatch, CountMismatch, DamagedFile, Unreadable};
use userd_store::FindingState::{Manual, Repairable, Repaired};
use userd_store::{CheckMode, CreateUserOutcome, Store};
use userd_store_sqlite::{OpenError, ReadOnlyDatabase, SqliteStore};

use userd_test_support::damage_kit::{check_store, finding_kinds};
use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::stores::{audit_database, database_path, sqlite_settings};

/// Some users in a file.
async fn populated_store(path: &Path, count: usize) -> Vec<User> {
    let clock = ManualClock::at(NOW);
    let store = SqliteStore::open(&sqlite_settings(path)).expect("a fresh database");
    let mut users = Vec::new();
    for number in 0..count {
        let user = new_user(&clock, &format!("person-{number}@example.org"));
        assert_eq!(
            store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
            CreateUserOutcome::Created
        );
        users.push(user);
    }
    store.close().await;
    users
}

/// A check of the file as `userd doctor` does it, while it is not served.
async fn run_check(path: &Path) -> DoctorReport {
    let file = ReadOnlyDatabase::open(path, Duration::from_secs(20)).expect("the file can be looked at");
    check_store(&Arc::new(file), &clock(), CheckMode::Report).await
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

fn sql(path: &Path, text: &str) {
    Connection::open(path).expect("the file").execute_batch(text).expect(text);
}

#[tokio::test]
async fn a_wrong_count_is_found_while_serving_and_repaired_by_the_serving_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    populated_store(&path, 3).await;
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    for damage in ["UPDATE meta SET value = 7 WHERE key = 'users_count'", "DELETE FROM meta WHERE key = 'users_count'"]
    {
        sql(&path, damage);
        assert_eq!(finding_kinds(&run_check(&path).await), [(CountMismatch, Repairable)], "{damage}");
        assert_eq!(
            finding_kinds(&check_store(&store, &clock(), CheckMode::Report).await),
            [(CountMismatch, Repairable)],
            "{damage}"
        );
        assert_eq!(
            finding_kinds(&check_store(&store, &clock(), CheckMode::Repair).await),
            [(CountMismatch, Repaired)],
            "{damage}"
        );
        let report = run_check(&path).await;
        assert_eq!((finding_kinds(&report), report.users), (vec![], 3), "{damage}");
        assert_eq!(store.users_count().await.expect("the store works"), 3, "{damage}");
    }
    store.close().await;
    assert_eq!(audit_database(&path).expect("it can be read"), Vec::<String>::new());
}

#[tokio::test]
async fn an_unreadable_row_is_reported_and_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    let users = populated_store(&path, 3).await;
    let hex: String = users[1].id.to_string().chars().filter(|char| *char != '-').collect();
    sql(&path, &format!("UPDATE users SET name = char(7) WHERE id = x'{hex}'"));
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    for mode in [CheckMode::Report, CheckMode::Repair] {
        let report = check_store(&store, &clock(), mode).await;
        assert_eq!((finding_kinds(&report), report.users), (vec![(Unreadable, Manual)], 3), "{report:?}");
        assert_eq!(report.findings[0].place, format!("users/{}", users[1].id));
        assert!(!report.findings[0].detail.is_empty());
    }
    store.close().await;
    assert_eq!(finding_kinds(&run_check(&path).await), [(Unreadable, Manual)]);
}

#[tokio::test]
async fn an_email_under_another_ones_canonical_form_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    populated_store(&path, 2).await;
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    let canonical = CanonicalEmail::parse("eve@example.org").expect("an address");
    let user =
        User { email: Email::from_stored("Ada@example.org".to_owned(), canonical), ..new_user(&clock(), "x@y.org") };
    assert_eq!(
        store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::Created
    );
    let report = check_store(&store, &clock(), CheckMode::Repair).await;
    assert_eq!(finding_kinds(&report), [(CanonicalMismatch, Manual)], "{report:?}");
    assert_eq!(report.findings[0].user, Some(user.id));
    assert!(!format!("{:?}", report.findings).contains('@'), "{report:?}");
    store.close().await;
}

/// Overwrites one page of the file.
fn overwrite_page(path: &Path, page: i64) {
    let mut file = OpenOptions::new().write(true).open(path).expect("the file");
    let at = u64::try_from((page - 1) * 4096).expect("a place");
    file.seek(SeekFrom::Start(at)).expect("the place is there");
    file.write_all(&[0xff; 4096]).expect("the disk has room");
}

fn root_of(path: &Path, name: &str) -> i64 {
    let connection = Connection::open(path).expect("the file");
    connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))
        .expect("there is one of that name")
}

#[tokio::test]
async fn a_damaged_page_is_reported_and_the_check_completes() {
    for name in ["sqlite_autoindex_users_2", "users"] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = database_path(&folder);
        populated_store(&path, 200).await;
        overwrite_page(&path, root_of(&path, name));
        let report = run_check(&path).await;
        assert!(report.findings.iter().all(|finding| finding.state == Manual), "{name}: {report:?}");
        assert!(report.findings.iter().any(|finding| finding.kind == DamagedFile), "{name}: {report:?}");
        if name == "users" {
            assert!(report.findings.iter().any(|finding| finding.kind == Unreadable), "{name}: {report:?}");
        } else {
            assert_eq!(report.users, 200, "an index hides no row");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_of_userd_is_rejected_and_nothing_is_created() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("userd.db");
    let refused = || ReadOnlyDatabase::open(&path, Duration::from_secs(1)).expect_err("it is none");
    assert!(matches!(refused(), OpenError::NotFound { .. }));
    assert!(!path.exists());
    std::fs::write(&path, "x".repeat(5000)).expect("the disk has room");
    assert!(matches!(refused(), OpenError::NotADatabase { .. }), "{:?}", refused());
    std::fs::remove_file(&path).expect("it is there");
    sql(&path, "CREATE TABLE theirs (x)");
    assert!(matches!(refused(), OpenError::Foreign { .. }));
    sql(&path, "PRAGMA application_id = 0x75737264; PRAGMA user_version = 0");
    assert!(matches!(refused(), OpenError::Older { .. }));
    sql(&path, "PRAGMA user_version = 99");
    assert!(matches!(refused(), OpenError::Newer { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_store_does_not_wait_for_a_doctor() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    populated_store(&path, 500).await;
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    let looking = Arc::clone(&store);
    let mut doctors = tokio::task::JoinSet::new();
    doctors.spawn(async move {
        let doctor = userd_service::doctor::Doctor::new(looking, clock());
        let course = userd_service::doctor::CheckOptions { mode: CheckMode::Repair, rate_per_s: 1 };
        doctor.run(course, &|_, _| {}).await.map(drop)
    });
    tokio::task::yield_now().await;
    store.close().await;
    doctors.abort_all();
    assert!(!path.with_extension("db-wal").exists(), "the log was moved into the database");
}
