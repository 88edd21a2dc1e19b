//! Promises about imported users.

use std::sync::Arc;

use crate::{AccountRecord, CreateUserOutcome, ExportRecord, ImportOutcome};
use tokio::task::JoinSet;
use userd_core::{
    AccountStatus, Actor, EventKind, Session, SessionId, SessionLimits, SessionProof, Timestamp, User, UserAgent,
};

use super::test_store::TestStore;

const LIMITS: SessionLimits = SessionLimits { idle_ms: 86_400_000, absolute_ms: 86_400_000, sessions_max: 9 };

fn account_without_sessions(user: User) -> AccountRecord {
    AccountRecord { user, sessions: Vec::new() }
}

async fn import(test: &TestStore, accounts: &[AccountRecord]) -> Vec<ImportOutcome> {
    let (batch, now) = (Arc::from(accounts), test.now().plus_millis(5_000));
    test.store.import_users(batch, &LIMITS, Actor::anonymous(), now).await.expect("the store works")
}

/// A user from long ago, with everything that an account can have.
fn old_user(test: &TestStore, number: u64) -> User {
    let mut user = test.new_user("Of Old", &format!("Old{number}@x.org"));
    user.created_at = Timestamp::from_millis(1_000 + number);
    user.updated_at = Timestamp::from_millis(2_000 + number);
    user.status = AccountStatus { disabled: number % 3 == 1, password_expired: number % 2 == 1 };
    user
}

fn session(number: u8, at: u64) -> Session {
    Session {
        id: SessionId::from_slice(&[number; 16]).expect("sixteen bytes"),
        proof: SessionProof::from_slice(&[number + 100; 16]).expect("sixteen bytes"),
        created_at: Timestamp::from_millis(at),
        last_used_at: Timestamp::from_millis(at + 500),
        address: Some([192, 0, 2, number].into()),
        agent: UserAgent::shorten("curl"),
        refresh: None,
    }
}

pub async fn an_import_batch_is_imported_whole_with_an_event_for_each_user(test: &TestStore) {
    let batch: Vec<_> = (0..200).map(|number| account_without_sessions(old_user(test, number))).collect();
    assert_eq!(import(test, &batch).await, vec![ImportOutcome::Imported; 200]);
    for AccountRecord { user, .. } in &batch {
        assert_eq!(test.user(user.id).await.as_ref(), Some(user));
        assert_eq!(test.by_email(user.email.as_written()).await.as_ref(), Some(user));
    }
    assert_eq!(test.store.users_count().await.expect("the store works"), 200);
    let events = test.store.events(batch[7].user.id, 9).await.expect("the store works");
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.kind, event.at), (EventKind::Imported, test.now().plus_millis(5_000)));
}

pub async fn the_same_batch_again_is_the_same_and_changes_nothing(test: &TestStore) {
    let batch: Vec<_> = (0..20).map(|number| account_without_sessions(old_user(test, number))).collect();
    import(test, &batch[..10]).await;
    let again = import(test, &batch).await;
    assert_eq!(again, [vec![ImportOutcome::Same; 10], vec![ImportOutcome::Imported; 10]].concat());
    assert_eq!(import(test, &batch).await, vec![ImportOutcome::Same; 20]);
    assert_eq!(test.store.events(batch[0].user.id, 9).await.expect("the store works").len(), 1);
    assert_eq!(import(test, &[]).await, vec![]);
}

pub async fn a_different_user_or_a_taken_email_is_not_imported_and_nothing_changes(test: &TestStore) {
    let (ann, old) = (test.signed_up("Ann", "ann@x.org").await, old_user(test, 1));
    import(test, &[account_without_sessions(old.clone())]).await;
    let (mut renamed, mut moved, mut taken) = (old.clone(), old.clone(), old_user(test, 2));
    renamed.name = ann.name.clone();
    moved.email = test.new_user("Free", "free@x.org").email;
    taken.email = ann.email.clone();
    let came = import(
        test,
        &[
            account_without_sessions(renamed),
            account_without_sessions(taken.clone()),
            account_without_sessions(old_user(test, 3)),
        ],
    )
    .await;
    assert_eq!(came, [ImportOutcome::Differs, ImportOutcome::EmailTaken, ImportOutcome::Imported]);
    assert_eq!(import(test, &[account_without_sessions(moved)]).await, [ImportOutcome::Differs]);
    assert_eq!(
        import(test, &[account_without_sessions(taken.clone())]).await,
        [ImportOutcome::EmailTaken],
        "a repeat says the same"
    );
    assert_eq!(test.user(old.id).await, Some(old));
    assert_eq!((test.user(taken.id).await, test.by_email("free@x.org").await), (None, None));
    assert_eq!(test.by_email("ann@x.org").await, Some(ann));
}

pub async fn of_two_users_in_a_batch_with_one_email_one_is_imported(test: &TestStore) {
    let (one, mut other) = (old_user(test, 1), old_user(test, 2));
    other.email = one.email.clone();
    let came = import(test, &[account_without_sessions(one.clone()), account_without_sessions(other.clone())]).await;
    assert!(came.contains(&ImportOutcome::Imported) && came.contains(&ImportOutcome::EmailTaken), "{came:?}");
    assert!(test.by_email(one.email.as_written()).await.is_some());
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
    let mut corrected = if came[0] == ImportOutcome::EmailTaken { one } else { other };
    corrected.email = test.new_user("Free", "free@x.org").email;
    assert_eq!(
        import(test, &[account_without_sessions(corrected.clone())]).await,
        [ImportOutcome::Imported],
        "with an e-mail of its own"
    );
    assert_eq!(test.user(corrected.id).await, Some(corrected));
}

pub async fn sessions_are_imported_with_their_user_and_exported_unchanged(test: &TestStore) {
    let account =
        AccountRecord { user: test.new_user("Ann", "ann@x.org"), sessions: vec![session(2, 9_000), session(1, 5_000)] };
    let absent = test.new_user("Absent", "absent@x.org");
    assert_eq!(import(test, std::slice::from_ref(&account)).await, [ImportOutcome::Imported]);
    let found = test.store.session(account.user.id, account.sessions[0].id, test.now()).await.expect("the store works");
    let found = found.expect("the session is good");
    assert_eq!((&found.user, &found.session), (&account.user, &account.sessions[0]));
    let out = test.store.export_users(&[absent.id, account.user.id]).await.expect("the store works");
    assert_eq!(out, [ExportRecord::NotFound, ExportRecord::Account(Box::new(account.clone()))]);
    let ended = test.store.revoke_other_sessions(account.user.id, None, Actor::anonymous(), test.now()).await;
    assert!(ended.expect("the store works"));
    let out = test.store.export_users(&[account.user.id]).await.expect("the store works");
    assert_eq!(out, [ExportRecord::Account(Box::new(account_without_sessions(account.user)))]);
}

pub async fn a_session_that_ended_does_not_come_back_with_a_repeated_import(test: &TestStore) {
    let account = AccountRecord { user: test.new_user("Ann", "ann@x.org"), sessions: vec![session(1, 5_000)] };
    import(test, std::slice::from_ref(&account)).await;
    let ended = test.store.revoke_other_sessions(account.user.id, None, Actor::anonymous(), test.now()).await;
    assert!(ended.expect("the store works"));
    assert_eq!(import(test, std::slice::from_ref(&account)).await, [ImportOutcome::Same]);
    let found = test.store.session(account.user.id, account.sessions[0].id, test.now()).await;
    assert_eq!(found.expect("the store works"), None);
}

pub async fn batches_and_sign_ups_race_for_emails_and_each_has_one_user(test: &TestStore) {
    let (batch, rivals): (Vec<_>, Vec<_>) = (0..60)
        .map(|number| {
            let user = old_user(test, number);
            let rival = User { email: user.email.clone(), ..test.new_user("Rival", &format!("rival{number}@x.org")) };
            (account_without_sessions(user), rival)
        })
        .unzip();
    let mut sign_ups = JoinSet::new();
    for rival in rivals {
        let store = Arc::clone(&test.store);
        sign_ups.spawn(async move { store.create_user(&rival, Actor::anonymous()).await.expect("the store works") });
    }
    let came = import(test, &batch).await;
    let signed_up =
        sign_ups.join_all().await.into_iter().filter(|insert| *insert == CreateUserOutcome::Created).count();
    let imported = came.iter().filter(|arrival| **arrival == ImportOutcome::Imported).count();
    let taken = came.iter().filter(|arrival| **arrival == ImportOutcome::EmailTaken).count();
    // Of two that give way to each other neither gets the e-mail address; the next attempt does.
    assert!(imported + signed_up <= 60 && imported + taken == 60, "{imported} {signed_up} {came:?}");
    assert_eq!(test.store.users_count().await.expect("the store works"), (imported + signed_up) as u64);
}

pub async fn the_same_batch_many_times_at_once_is_imported_once(test: &TestStore) {
    let batch: Arc<[AccountRecord]> = (0..50).map(|number| account_without_sessions(old_user(test, number))).collect();
    let mut importers = JoinSet::new();
    for _ in 0..4 {
        let (store, batch, now) = (Arc::clone(&test.store), Arc::clone(&batch), test.now());
        importers.spawn(async move { store.import_users(batch, &LIMITS, Actor::anonymous(), now).await });
    }
    for came in importers.join_all().await {
        let came = came.expect("the store works");
        assert!(
            came.iter().all(|arrival| matches!(arrival, ImportOutcome::Imported | ImportOutcome::Same)),
            "{came:?}"
        );
    }
    assert_eq!(test.store.users_count().await.expect("the store works"), 50);
    assert_eq!(test.store.events(batch[0].user.id, 9).await.expect("the store works").len(), 1);
}
