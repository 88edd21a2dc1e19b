//! What the doctor finds in a SQLite file about sessions and keys of users.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use userd_core::clock::ManualClock;
use userd_core::{Actor, User};
use userd_service::doctor::DoctorReport;
use userd_store::FindingKind::{OrphanedSession, Unreadable};
use userd_store::FindingState::{Manual, Repairable, Repaired};
use userd_store::{CheckMode, KeyKind, KeyStore, SessionStore, Store};
use userd_store_sqlite::{ReadOnlyDatabase, SqliteStore};

use userd_test_support::damage_kit::{check_store, finding_kinds};
use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::session_fixtures::{LIMITS, actor_at, new_session};
use userd_test_support::stores::{audit_database, database_path, sqlite_settings};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

/// Some users with three sessions each, and a key of each kind.
async fn populated_store(path: &Path, count: usize) -> Vec<User> {
    let store = SqliteStore::open(&sqlite_settings(path)).expect("a fresh database");
    let mut users = Vec::new();
    for number in 0..count {
        let user = new_user(&clock(), &format!("person-{number}@example.org"));
        store.create_user(&user, Actor::anonymous()).await.expect("the store works");
        for session in 0..3 {
            let new = new_session(&user, session);
            store.open_session(user.id, user.version, &new, &LIMITS, &actor_at(1), NOW).await.expect("the store works");
        }
        users.push(user);
    }
    for kind in KeyKind::ALL {
        assert!(store.replace_key(kind, "a", None, Some("text")).await.expect("the store works"));
    }
    store.close().await;
    users
}

async fn run_check(path: &Path) -> DoctorReport {
    let file = ReadOnlyDatabase::open(path, Duration::from_secs(20)).expect("the file can be looked at");
    check_store(&Arc::new(file), &clock(), CheckMode::Report).await
}

fn sql(path: &Path, text: &str) {
    Connection::open(path).expect("the file").execute_batch(text).expect(text);
}

fn hex(user: &User) -> String {
    user.id.to_string().chars().filter(|char| *char != '-').collect()
}

/// As a loss of pages would leave it: the trigger is not involved.
fn delete_user_row(path: &Path, user: &User) {
    let raw = Connection::open(path).expect("the file");
    let name = "sessions_end_with_their_user";
    let trigger: String = raw
        .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))
        .expect("there is one of that name");
    raw.execute_batch(&format!("DROP TRIGGER {name}; DELETE FROM users WHERE id = x'{}'; {trigger}", hex(user)))
        .expect("a shell can do that");
}

#[tokio::test]
async fn an_undamaged_file_is_checked_completely() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    populated_store(&path, 5).await;
    let report = run_check(&path).await;
    assert_eq!((finding_kinds(&report), report.users, report.records_checked), (vec![], 5, 5 + 15 + 3));
}

#[tokio::test]
async fn orphaned_sessions_are_found_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    let users = populated_store(&path, 4).await;
    delete_user_row(&path, &users[1]);
    assert_eq!(finding_kinds(&run_check(&path).await), [(OrphanedSession, Repairable); 3]);
    assert_ne!(audit_database(&path).expect("it can be read"), Vec::<String>::new());
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    let report = check_store(&store, &clock(), CheckMode::Report).await;
    assert_eq!(finding_kinds(&report), [(OrphanedSession, Repairable); 3]);
    assert!(report.findings.iter().all(|finding| finding.user == Some(users[1].id)), "{report:?}");
    assert_eq!(report.findings[0].place, format!("sessions/{}/{}", users[1].id, new_session(&users[1], 0).id));
    assert_eq!(
        finding_kinds(&check_store(&store, &clock(), CheckMode::Repair).await),
        [(OrphanedSession, Repaired); 3]
    );
    assert_eq!(finding_kinds(&check_store(&store, &clock(), CheckMode::Repair).await), []);
    for (number, user) in users.iter().enumerate() {
        let sessions = store.sessions(user.id, NOW).await.expect("the store works").0;
        assert_eq!(sessions.len(), if number == 1 { 0 } else { 3 });
    }
    store.close().await;
    assert_eq!(audit_database(&path).expect("it can be read"), Vec::<String>::new());
}

#[tokio::test]
async fn an_unreadable_session_is_found_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    let users = populated_store(&path, 3).await;
    let id = new_session(&users[1], 1).id;
    sql(
        &path,
        "UPDATE sessions SET proof = zeroblob(16) WHERE rowid = 5; UPDATE sessions SET made_at = 1 WHERE rowid = 9",
    );
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    let report = check_store(&store, &clock(), CheckMode::Report).await;
    assert_eq!(finding_kinds(&report), [(Unreadable, Repairable); 2], "{report:?}");
    assert_eq!(report.findings[0].place, format!("sessions/{}/{id}", users[1].id));
    assert!(store.session(users[1].id, id, NOW).await.is_err());
    assert_eq!(finding_kinds(&check_store(&store, &clock(), CheckMode::Repair).await), [(Unreadable, Repaired); 2]);
    assert_eq!(finding_kinds(&run_check(&path).await), []);
    assert_eq!(store.session(users[1].id, id, NOW).await.expect("the store works"), None);
    for (user, left) in users.iter().zip([3, 2, 2]) {
        assert_eq!(store.sessions(user.id, NOW).await.expect("the store works").0.len(), left);
    }
    store.close().await;
}

#[tokio::test]
async fn an_unreadable_service_key_is_reported_and_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = database_path(&folder);
    populated_store(&path, 1).await;
    sql(&path, "UPDATE service_keys SET text = 'another' WHERE kind = 'api'");
    let store = Arc::new(SqliteStore::open(&sqlite_settings(&path)).expect("the database"));
    for mode in [CheckMode::Report, CheckMode::Repair] {
        let report = check_store(&store, &clock(), mode).await;
        assert_eq!(finding_kinds(&report), [(Unreadable, Manual)], "{report:?}");
        assert_eq!(report.findings[0].place, "service_keys/api/a");
        assert!(!report.findings[0].detail.contains("another"), "{report:?}");
    }
    store.close().await;
}
