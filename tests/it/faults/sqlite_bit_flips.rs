//! One flipped bit in the closed database of the embedded store. (Row 17 of the fault table.) What is served is what
//! was written, or an error; and missing data is found by the consistency check.

use std::fs;
use std::path::Path;

use userd_core::random::SeededRandom;
use userd_core::{Actor, Session, User};
use userd_store::{
    CreateUserOutcome, KeyKind, KeyStore, NewSession, OpenSessionOutcome, SessionStore, Store, StoreError, StoredKey,
};
use userd_store_sqlite::SqliteStore;

use userd_test_support::fixtures::NOW;
use userd_test_support::random_numbers::random_index;
use userd_test_support::run_scale::scaled;
use userd_test_support::session_fixtures::{new_session, refresh_state};
use userd_test_support::stores::{TestBackend, audit_database, sqlite_settings};

const USERS: usize = 300;

/// The effects of one flip.
#[derive(Debug, Default)]
struct FlipOutcome {
    /// The store was not opened, or a look-up was answered with an error.
    refused: bool,
    /// A user was not found, or the number of users is wrong.
    missing: bool,
    /// Other data than was written was served as good.
    wrong: Vec<String>,
}

async fn read_all(path: &Path, users: &[User], sessions: &[Session], keys: &[StoredKey]) -> FlipOutcome {
    let mut seen = FlipOutcome::default();
    let Ok(store) = SqliteStore::open(&sqlite_settings(path)) else { return FlipOutcome { refused: true, ..seen } };
    for user in users {
        for found in [store.user(user.id).await, store.user_by_email(user.email.canonical()).await] {
            match found {
                Ok(Some(found)) if found == *user => {}
                Ok(Some(found)) => seen.wrong.push(format!("{found:?} instead of {user:?}")),
                Ok(None) => seen.missing = true,
                Err(StoreError::Corrupt { .. } | StoreError::Unavailable(_)) => seen.refused = true,
            }
        }
    }
    for (user, session) in users.iter().zip(sessions) {
        match store.session(user.id, session.id, NOW).await {
            Ok(Some(found)) if found.session == *session && found.user == *user => {}
            Ok(Some(found)) => seen.wrong.push(format!("{found:?} instead of {session:?} of {user:?}")),
            Ok(None) => seen.missing = true,
            Err(_) => seen.refused = true,
        }
        // A list leaves out unreadable sessions; the look-up of the session above has reported it.
        let listed = store.sessions(user.id, NOW).await;
        seen.wrong.extend(
            listed
                .iter()
                .flat_map(|(listed, _)| listed)
                .filter(|found| *found != session)
                .map(|found| format!("{found:?} is listed instead of {session:?}")),
        );
    }
    match store.keys(KeyKind::Api).await {
        Ok(found) if found == keys => {}
        Ok(found) if found.iter().all(|found| keys.contains(found)) => seen.missing = true,
        Ok(found) => seen.wrong.push(format!("{found:?} instead of the keys")),
        Err(_) => seen.refused = true,
    }
    match store.users_count().await {
        Ok(count) => seen.missing |= count != users.len() as u64,
        Err(_) => seen.refused = true,
    }
    store.close().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_refused_or_reported_or_changes_nothing() {
    let test = TestBackend::Embedded.open().await;
    let (mut users, mut sessions, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..USERS {
        let user = test.new_user("Somebody Ordinary", &format!("Somebody-{number}@Example.org"));
        assert_eq!(
            test.store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
            CreateUserOutcome::Created
        );
        let new = new_session(&user, 1);
        let refresh = refresh_state(&user, &new, 1);
        let OpenSessionOutcome::Opened(session) =
            test.open_session(&user, &NewSession { refresh: Some(refresh), ..new }).await
        else {
            panic!("the user is there")
        };
        users.push(user);
        sessions.push(*session);
    }
    for number in 0..20 {
        let (id, said) = (format!("{number:016x}"), format!("{{\"name\":\"service {number}\",\"scopes\":[]}}"));
        assert!(test.store.replace_key(KeyKind::Api, &id, None, Some(&said)).await.expect("the store works"));
        keys.push(StoredKey { id, text: said });
    }
    test.store.close().await;
    let good = fs::read(test.path()).expect("the file");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("userd.db");
    let random = SeededRandom::from_seed(17);
    let (mut refused, mut found_by_audit, mut nothing) = (0, 0, 0);
    for flip in 0..scaled(120, 1_000) {
        let bit = random_index(&random, good.len() * 8);
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).expect("the file can be written");
        let seen = read_all(&path, &users, &sessions, &keys).await;
        assert_eq!(seen.wrong, Vec::<String>::new(), "flip {flip} of bit {bit}: wrong data as good");
        let audit = audit_database(&path);
        let reported = !matches!(&audit, Ok(findings) if findings.is_empty());
        assert!(seen.refused || reported || !seen.missing, "flip {flip} of bit {bit}: a loss that nothing reports");
        if seen.refused {
            refused += 1;
        } else if reported {
            found_by_audit += 1;
        } else {
            nothing += 1;
        }
    }
    assert!(refused > 0 && nothing > 0, "refused {refused}, found by the audit {found_by_audit}, nothing {nothing}");
}
