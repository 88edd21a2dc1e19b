//! Databases of older schemas: migrated to the present one with all users, or left as they are.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;
use userd_core::CanonicalEmail;
use userd_store::{OpenSessionOutcome, SessionStore, Store, UpdateUserOutcome};
use userd_store_sqlite::{OpenError, SqliteStore};

use userd_test_support::fixtures::NOW;
use userd_test_support::session_fixtures::{LIMITS, actor_at, new_session};
use userd_test_support::stores::{audit_database, sqlite_settings};

/// Written by userd 0.1.0 with schema 1: three users.
const SCHEMA_1: &[u8] = include_bytes!("../fixtures/embedded-schema-1.db");

/// Written by the userd before version 3: the same three.
const SCHEMA_2: &[u8] = include_bytes!("../fixtures/embedded-schema-2.db");

const EMAILS: [(&str, &str); 3] =
    [("ada Old", "ada@example.org"), ("bob Old", "bob+tag@example.org"), ("eve Old", "eve@xn--bcher-kva.example")];

fn write_fixture(schema: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("userd.db");
    fs::write(&path, schema).expect("a file");
    (folder, path)
}

fn version(path: &PathBuf) -> i32 {
    let raw = Connection::open(path).expect("the file");
    raw.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
}

#[tokio::test]
async fn a_database_of_an_older_schema_is_migrated_with_all_users() {
    for (schema, number) in [(SCHEMA_1, 1), (SCHEMA_2, 2)] {
        let (_folder, path) = write_fixture(schema);
        assert_eq!(version(&path), number);
        for opening in 0..2 {
            let store = SqliteStore::open(&sqlite_settings(&path)).expect("an older schema is migrated");
            for (name, email) in EMAILS {
                let user = store.user_by_email(&CanonicalEmail::parse(email).expect("an e-mail")).await;
                let user = user.expect("served").unwrap_or_else(|| panic!("{email} is there"));
                assert_eq!(user.name.as_str(), name);
                assert_eq!(store.user(user.id).await.expect("served").as_ref(), Some(&user));
                let again = store.update_password_hash(user.id, user.version, &user.password_hash).await;
                let Ok(UpdateUserOutcome::Updated(user)) = again else { panic!("{again:?}") };
                let new = new_session(&user, opening);
                let open = store.open_session(user.id, user.version, &new, &LIMITS, &actor_at(1), NOW).await;
                assert!(matches!(open, Ok(OpenSessionOutcome::Opened(_))), "{open:?}");
                let sessions = store.sessions(user.id, NOW).await.expect("served").0;
                assert_eq!(sessions.len(), usize::from(opening) + 1);
                let events = store.events(user.id, 9).await.expect("served");
                assert_eq!(events.len(), sessions.len(), "nothing is known of the time before");
            }
            assert_eq!(store.users_count().await.expect("served"), 3);
            store.close().await;
            assert_eq!(audit_database(&path).expect("a database"), Vec::<String>::new());
            assert_eq!(version(&path), 3);
        }
    }
}

#[tokio::test]
async fn a_damaged_database_of_an_older_schema_is_left_as_it_is() {
    for (schema, number) in [(SCHEMA_1, 1), (SCHEMA_2, 2)] {
        let (_folder, path) = write_fixture(schema);
        let raw = Connection::open(&path).expect("the file");
        raw.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE users SET id = x'0102' WHERE rowid = 2")
            .expect("a shell can do that");
        drop(raw);
        let refused = SqliteStore::open(&sqlite_settings(&path)).expect_err("it is damaged");
        assert!(matches!(refused, OpenError::Altered { .. }), "{refused:?}");
        assert_eq!(version(&path), number);
    }
}

#[tokio::test]
async fn definitions_and_numbers_that_userd_did_not_write_are_refused() {
    for (sql, named) in [
        ("UPDATE sqlite_schema SET sql = replace(sql, 'value - 1', 'value - 0')", "users_counted_down"),
        ("DROP TRIGGER users_counted_up", "users_counted_up"),
        ("DROP TRIGGER sessions_end_with_their_user", "sessions_end_with_their_user"),
        ("DROP INDEX events_by_user", "events_by_user"),
        ("DROP TABLE probe", "probe"),
        ("PRAGMA user_version = 0", "the schema number"),
    ] {
        let (_folder, path) = write_fixture(SCHEMA_2);
        SqliteStore::open(&sqlite_settings(&path)).expect("served").close().await;
        let raw = Connection::open(&path).expect("the file");
        raw.execute_batch(&format!("PRAGMA writable_schema = ON; {sql}")).expect("a shell can do that");
        drop(raw);
        match SqliteStore::open(&sqlite_settings(&path)) {
            Err(OpenError::Altered(_, what)) => assert!(what.contains(named), "{what}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}
