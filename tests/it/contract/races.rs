//! Promises under races over one user, or over one e-mail by sign-ups alone.

use std::pin::Pin;
use std::sync::Arc;
use userd_core::Client;

use userd_store::{Insert, Remove, Update};

use userd_test_support::stores::{TestStore, at_once, password_hash};

/// How often each race is run: a race that is lost once in ten times is found nearly always.
const ROUNDS: usize = 10;

/// How many run at once.
const RUNNERS: u64 = 16;

/// An act of its own kind; true if it succeeded.
type BoxedAct = Pin<Box<dyn Future<Output = bool> + Send>>;

pub(crate) async fn of_fifty_sign_ups_for_one_email_exactly_one_wins(test: &TestStore) {
    for round in 0..ROUNDS {
        let email = format!("round{round}@x.org");
        let runners: Vec<_> = (0..50).map(|_| test.somebody("Runner", &email)).collect();
        let outcomes = at_once(runners.iter().cloned().map(|user| {
            let store = Arc::clone(&test.store);
            async move { store.insert_user(&user, Client::nobody()).await.expect("the store works") }
        }))
        .await;
        let winners: Vec<_> =
            runners.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Insert::Inserted).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert_eq!(test.by_email(&email).await.as_ref(), Some(winners[0].0));
        assert_eq!(test.store.users_count().await.expect("the store works"), round as u64 + 1);
    }
}

pub(crate) async fn different_sign_ups_do_not_disturb_each_other(test: &TestStore) {
    let runners: Vec<_> = (0..200).map(|number| test.somebody("Runner", &format!("n{number}@x.org"))).collect();
    let outcomes = at_once(runners.iter().cloned().map(|user| {
        let store = Arc::clone(&test.store);
        async move { store.insert_user(&user, Client::nobody()).await.expect("the store works") }
    }))
    .await;
    assert!(outcomes.iter().all(|outcome| *outcome == Insert::Inserted));
    assert_eq!(test.store.users_count().await.expect("the store works"), 200);
}

pub(crate) async fn of_many_passwords_for_one_version_exactly_one_wins(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let outcomes = at_once((0..RUNNERS).map(|number| {
            let (store, id, version, now) = (Arc::clone(&test.store), ann.id, ann.version, test.now());
            let hash = password_hash(round as u64 * RUNNERS + number);
            async move {
                store.replace_password(id, version, &hash, None, Client::nobody(), now).await.expect("the store works")
            }
        }))
        .await;
        let winners: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| if let Update::Updated(user) = outcome { Some(user) } else { None })
            .collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Update::Stale).count(), outcomes.len() - 1);
        ann = *winners[0].clone();
        assert_eq!(test.user(ann.id).await.as_ref(), Some(&ann));
    }
}

pub(crate) async fn of_many_removals_exactly_one_removes(test: &TestStore) {
    for round in 0..ROUNDS {
        let ann = test.signed_up("Ann", "ann@x.org").await;
        let outcomes = at_once((0..RUNNERS).map(|_| {
            let (store, id, version, now) = (Arc::clone(&test.store), ann.id, ann.version, test.now());
            async move { store.remove_user(id, version, Client::nobody(), now).await.expect("the store works") }
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Remove::Removed).count(), 1, "round {round}");
        assert_eq!(test.by_email("ann@x.org").await, None);
        assert_eq!(test.store.users_count().await.expect("the store works"), 0);
    }
}

pub(crate) async fn a_removal_and_a_password_do_not_both_happen(test: &TestStore) {
    for round in 0..ROUNDS {
        let email = format!("round{round}@x.org");
        let ann = test.signed_up("Ann", &email).await;
        let (one, other) = (Arc::clone(&test.store), Arc::clone(&test.store));
        let (id, version, now) = (ann.id, ann.version, test.now());
        let acts: [BoxedAct; 2] = [
            Box::pin(async move {
                one.remove_user(id, version, Client::nobody(), now).await.expect("the store works") == Remove::Removed
            }),
            Box::pin(async move {
                let update = other.replace_password(id, version, &password_hash(7), None, Client::nobody(), now).await;
                matches!(update.expect("the store works"), Update::Updated(_))
            }),
        ];
        let done = at_once(acts).await;
        let (removed, updated) = (done[0], done[1]);
        assert!(removed != updated, "round {round}: removed {removed}, updated {updated}");
        assert_eq!(test.user(id).await.is_some(), updated);
        assert_eq!(test.by_email(&email).await.is_some(), updated);
    }
}

pub(crate) async fn who_got_an_answer_sees_it_while_others_write(test: &TestStore) {
    let runners: Vec<_> = (0..RUNNERS).map(|number| test.somebody("Runner", &format!("n{number}@x.org"))).collect();
    at_once(runners.into_iter().map(|user| {
        let (store, now) = (Arc::clone(&test.store), test.now());
        async move {
            store.insert_user(&user, Client::nobody()).await.expect("the store works");
            let mut last = user;
            for number in 0..10 {
                assert_eq!(store.user(last.id).await.expect("the store works").as_ref(), Some(&last));
                let found = store.user_by_email(last.email.canonical()).await.expect("the store works");
                assert_eq!(found.as_ref(), Some(&last));
                match store
                    .replace_password(last.id, last.version, &password_hash(number), None, Client::nobody(), now)
                    .await
                {
                    Ok(Update::Updated(user)) => last = *user,
                    other => panic!("{other:?}"),
                }
            }
        }
    }))
    .await;
}
