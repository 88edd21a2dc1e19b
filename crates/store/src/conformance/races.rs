//! Promises under races over one user, or of sign-ups over one e-mail address.

use std::pin::Pin;
use std::sync::Arc;
use userd_core::Actor;

use crate::{CreateUserOutcome, DeleteUserOutcome, UpdateUserOutcome};

use super::concurrency::run_concurrently;
use super::test_store::{TestStore, password_hash};

/// How often each race is run: a bug that shows once in ten races is nearly always found.
const ROUNDS: usize = 10;

/// How many calls race.
const TASKS: u64 = 16;

/// A kind of call; true if it succeeded.
type BoxedOperation = Pin<Box<dyn Future<Output = bool> + Send>>;

pub async fn of_fifty_sign_ups_for_one_email_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let email = format!("round{round}@x.org");
        let runners: Vec<_> = (0..50).map(|_| test.new_user("Runner", &email)).collect();
        let outcomes = run_concurrently(runners.iter().cloned().map(|user| {
            let store = Arc::clone(&test.store);
            async move { store.create_user(&user, Actor::anonymous()).await.expect("the store works") }
        }))
        .await;
        let winners: Vec<_> =
            runners.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == CreateUserOutcome::Created).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert_eq!(test.by_email(&email).await.as_ref(), Some(winners[0].0));
        assert_eq!(test.store.users_count().await.expect("the store works"), round as u64 + 1);
    }
}

pub async fn different_sign_ups_do_not_disturb_each_other(test: &TestStore) {
    let runners: Vec<_> = (0..200).map(|number| test.new_user("Runner", &format!("n{number}@x.org"))).collect();
    let outcomes = run_concurrently(runners.iter().cloned().map(|user| {
        let store = Arc::clone(&test.store);
        async move { store.create_user(&user, Actor::anonymous()).await.expect("the store works") }
    }))
    .await;
    assert!(outcomes.iter().all(|outcome| *outcome == CreateUserOutcome::Created));
    assert_eq!(test.store.users_count().await.expect("the store works"), 200);
}

pub async fn of_many_passwords_for_one_version_exactly_one_wins(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let outcomes = run_concurrently((0..TASKS).map(|number| {
            let (store, id, version, now) = (Arc::clone(&test.store), ann.id, ann.version, test.now());
            let hash = password_hash(round as u64 * TASKS + number);
            async move {
                store.update_password(id, version, &hash, None, Actor::anonymous(), now).await.expect("the store works")
            }
        }))
        .await;
        let winners: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| if let UpdateUserOutcome::Updated(user) = outcome { Some(user) } else { None })
            .collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == UpdateUserOutcome::VersionConflict).count(),
            outcomes.len() - 1
        );
        ann = *winners[0].clone();
        assert_eq!(test.user(ann.id).await.as_ref(), Some(&ann));
    }
}

pub async fn of_many_deletions_exactly_one_deletes(test: &TestStore) {
    for round in 0..ROUNDS {
        let ann = test.signed_up("Ann", "ann@x.org").await;
        let outcomes = run_concurrently((0..TASKS).map(|_| {
            let (store, id, version, now) = (Arc::clone(&test.store), ann.id, ann.version, test.now());
            async move { store.delete_user(id, version, Actor::anonymous(), now).await.expect("the store works") }
        }))
        .await;
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == DeleteUserOutcome::Deleted).count(),
            1,
            "round {round}"
        );
        assert_eq!(test.by_email("ann@x.org").await, None);
        assert_eq!(test.store.users_count().await.expect("the store works"), 0);
    }
}

pub async fn a_deletion_and_a_password_change_do_not_both_happen(test: &TestStore) {
    for round in 0..ROUNDS {
        let email = format!("round{round}@x.org");
        let ann = test.signed_up("Ann", &email).await;
        let (one, other) = (Arc::clone(&test.store), Arc::clone(&test.store));
        let (id, version, now) = (ann.id, ann.version, test.now());
        let acts: [BoxedOperation; 2] = [
            Box::pin(async move {
                one.delete_user(id, version, Actor::anonymous(), now).await.expect("the store works")
                    == DeleteUserOutcome::Deleted
            }),
            Box::pin(async move {
                let update = other.update_password(id, version, &password_hash(7), None, Actor::anonymous(), now).await;
                matches!(update.expect("the store works"), UpdateUserOutcome::Updated(_))
            }),
        ];
        let done = run_concurrently(acts).await;
        let (removed, updated) = (done[0], done[1]);
        assert!(removed != updated, "round {round}: removed {removed}, updated {updated}");
        assert_eq!(test.user(id).await.is_some(), updated);
        assert_eq!(test.by_email(&email).await.is_some(), updated);
    }
}

pub async fn a_client_sees_its_acknowledged_change_while_others_write(test: &TestStore) {
    let runners: Vec<_> = (0..TASKS).map(|number| test.new_user("Runner", &format!("n{number}@x.org"))).collect();
    run_concurrently(runners.into_iter().map(|user| {
        let (store, now) = (Arc::clone(&test.store), test.now());
        async move {
            store.create_user(&user, Actor::anonymous()).await.expect("the store works");
            let mut last = user;
            for number in 0..10 {
                assert_eq!(store.user(last.id).await.expect("the store works").as_ref(), Some(&last));
                let found = store.user_by_email(last.email.canonical()).await.expect("the store works");
                assert_eq!(found.as_ref(), Some(&last));
                match store
                    .update_password(last.id, last.version, &password_hash(number), None, Actor::anonymous(), now)
                    .await
                {
                    Ok(UpdateUserOutcome::Updated(user)) => last = *user,
                    other => panic!("{other:?}"),
                }
            }
        }
    }))
    .await;
}
