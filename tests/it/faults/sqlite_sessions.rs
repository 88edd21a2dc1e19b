//! Sessions and keys of the embedded store whose rows were damaged, or edited without it.

use rusqlite::Connection;
use userd_core::{Actor, EventKind, User};
use userd_store::{KeyKind, NewSession, OpenSessionOutcome, StoreError, UpdateUserOutcome};

use userd_test_support::session_fixtures::{new_session, refresh_state};
use userd_test_support::stores::{TestBackend, TestStore, password_hash};

/// Damage by a flipped bit or by an operator's SQL; `CHECK`s do not see a flipped bit.
const DAMAGE: [&str; 10] = [
    "user = zeroblob(16)",
    "id = zeroblob(16)",
    "proof = zeroblob(16)",
    "proof = x'01'",
    "made_at = made_at + 1",
    "seen_at = seen_at + 3600000",
    "address = x'c0000202'",
    "agent = 'another'",
    "refresh = NULL",
    "refresh = zeroblob(17)",
];

async fn opened_with_refresh(test: &TestStore, user: &User, number: u16) -> NewSession {
    let new = new_session(user, number);
    let new = NewSession { refresh: Some(refresh_state(user, &new, 1)), ..new };
    assert!(matches!(test.open_session(user, &new).await, OpenSessionOutcome::Opened(_)));
    new
}

fn execute_damage(test: &TestStore, sql: &str, bytes: &[&[u8]]) {
    let raw = Connection::open(test.path()).expect("the file");
    raw.execute_batch("PRAGMA ignore_check_constraints = ON").expect("a shell can do that");
    assert_eq!(raw.execute(sql, rusqlite::params_from_iter(bytes)).expect("damage"), 1, "{sql}");
}

#[tokio::test]
async fn a_damaged_session_is_rejected_and_the_user_can_sign_in_and_change_the_password() {
    let test = TestBackend::Embedded.open().await;
    for (number, change) in DAMAGE.into_iter().enumerate() {
        let ann = test.signed_up("Ann", &format!("ann{number}@x.org")).await;
        let (damaged, whole) = (opened_with_refresh(&test, &ann, 1).await, opened_with_refresh(&test, &ann, 2).await);
        let sql = format!("UPDATE sessions SET {change} WHERE user = ?1 AND id = ?2");
        execute_damage(&test, &sql, &[ann.id.as_bytes(), damaged.id.as_bytes()]);
        match test.store.session(ann.id, damaged.id, test.now()).await {
            // Its key was damaged, so it cannot be found.
            Ok(None) => assert!(number < 2, "{change}"),
            Err(StoreError::Corrupt { key, .. }) => {
                assert_eq!(key, format!("sessions/{}/{}", ann.id, damaged.id), "{change}");
            }
            other => panic!("{change}: {other:?}"),
        }
        assert_eq!(test.session_ids(ann.id).await, [whole.id], "{change}");
        let third = test.opened(&ann, 3).await;
        assert!(test.signed_in(ann.id, third.id).await.is_some(), "{change}");
        // It can be revoked, one way or the other.
        let ended =
            test.store.revoke_session(ann.id, damaged.id, EventKind::SignedOut, Actor::anonymous(), test.now()).await;
        assert_eq!(ended.expect("the store works"), number >= 2, "{change}");
        let update = test
            .store
            .update_password(ann.id, ann.version, &password_hash(2), Some(third.id), Actor::anonymous(), test.now())
            .await;
        assert!(matches!(update, Ok(UpdateUserOutcome::Updated(_))), "{change}: {update:?}");
        assert_eq!(test.session_ids(ann.id).await, [third.id], "{change}");
    }
}

#[tokio::test]
async fn a_damaged_session_is_not_written_over() {
    let test = TestBackend::Embedded.open().await;
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let new = opened_with_refresh(&test, &ann, 1).await;
    let read = test.signed_in(ann.id, new.id).await.expect("it is open").session;
    execute_damage(&test, "UPDATE sessions SET proof = zeroblob(16)", &[]);
    let at = read.last_used_at.plus_millis(60_000);
    let seen = test.store.touch_session(ann.id, &read, at).await;
    assert!(matches!(seen, Err(StoreError::Corrupt { .. })), "{seen:?}");
    let refreshed = test.store.replace_refresh(ann.id, &read, &refresh_state(&ann, &new, 2), at).await;
    assert!(matches!(refreshed, Err(StoreError::Corrupt { .. })), "{refreshed:?}");
    let found = test.store.session(ann.id, new.id, at).await;
    assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
}

/// Without its only key a service would seem never to have had one.
#[tokio::test]
async fn a_damaged_key_is_an_error_and_never_no_key() {
    for change in ["text = 'another'", "id = 'another'", "text = CAST(x'ff' AS TEXT)"] {
        let test = TestBackend::Embedded.open().await;
        for kind in [KeyKind::Api, KeyKind::Device] {
            assert!(test.store.replace_key(kind, "a", None, Some("one")).await.expect("the store works"));
        }
        execute_damage(&test, &format!("UPDATE service_keys SET {change} WHERE kind = 'api'"), &[]);
        let found = test.store.keys(KeyKind::Api).await;
        assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{change}: {found:?}");
        assert_eq!(test.store.keys(KeyKind::Device).await.expect("another kind").len(), 1, "{change}");
        if !change.starts_with("id") {
            let replaced = test.store.replace_key(KeyKind::Api, "a", Some("another"), Some("two")).await;
            assert!(matches!(replaced, Err(StoreError::Corrupt { .. })), "{change}: {replaced:?}");
        }
    }
}

/// Deleting a user with SQLite's own shell ends the sessions, too.
#[tokio::test]
async fn a_user_who_was_removed_by_hand_has_no_sessions() {
    let test = TestBackend::Embedded.open().await;
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let session = test.opened(&ann, 1).await;
    execute_damage(&test, "DELETE FROM users WHERE id = ?1", &[ann.id.as_bytes()]);
    assert_eq!(test.signed_in(ann.id, session.id).await, None);
    assert_eq!(test.sessions_of(ann.id).await, []);
    test.assert_consistent().await;
}
