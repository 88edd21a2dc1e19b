//! Promises about examining: a store that nobody damaged has nothing wrong, however it is looked at.

use std::collections::BTreeSet;
use userd_core::Client;

use userd_store::{Examined, Place, Portion, Remove, Treatment};

use userd_test_support::stores::{TestStore, at_once, password_hash};

const TREATMENTS: [Treatment; 2] = [Treatment::Report, Treatment::Repair];

async fn examine(test: &TestStore, from: Place, size: usize, treatment: Treatment) -> Examined {
    test.store.examine(&Portion { from, size, treatment }, test.now()).await.expect("the store works")
}

/// A whole pass in portions of this size; gives the users seen. Nothing may be found.
async fn users_seen(test: &TestStore, size: usize, treatment: Treatment) -> u64 {
    let (mut users, mut place, mut places) = (0, Place::start(), BTreeSet::new());
    loop {
        let examined = examine(test, place, size, treatment).await;
        assert_eq!((examined.findings, examined.disturbed), (vec![], false));
        users += examined.users;
        let Some(next) = examined.next else { return users };
        assert!(places.insert(next.to_string()), "a pass goes on, and does not come back to {next}");
        place = Place::from_text(next.to_string());
    }
}

pub(crate) async fn an_empty_store_has_nothing_wrong(test: &TestStore) {
    for treatment in TREATMENTS {
        assert_eq!(users_seen(test, 100, treatment).await, 0);
    }
}

pub(crate) async fn every_user_is_examined_whatever_the_size_of_a_portion(test: &TestStore) {
    let mut users = Vec::new();
    for number in 0..57 {
        users.push(test.signed_up("Ann", &format!("Ann.{number}@x.org")).await);
    }
    for (number, user) in users.iter().enumerate().take(20) {
        let profile = test.profile("Ann", &format!("other-{number}@x.org"));
        test.store
            .replace_profile(user.id, user.version, &profile, Client::nobody(), test.now())
            .await
            .expect("the store works");
    }
    for user in &users[40..] {
        let removed =
            test.store.remove_user(user.id, user.version, Client::nobody(), test.now()).await.expect("the store works");
        assert_eq!(removed, Remove::Removed);
    }
    for size in [1, 2, 10, 39, 40, 41, 100_000] {
        for treatment in TREATMENTS {
            assert_eq!(users_seen(test, size, treatment).await, 40, "{size} {treatment:?}");
        }
    }
    for (number, user) in users.iter().enumerate().take(20) {
        assert_eq!(test.by_email(&format!("other-{number}@x.org")).await.map(|found| found.id), Some(user.id));
    }
}

pub(crate) async fn a_portion_may_be_examined_again(test: &TestStore) {
    for number in 0..10 {
        test.signed_up("Ann", &format!("ann-{number}@x.org")).await;
    }
    let mut place = Place::start();
    loop {
        let first = examine(test, place.clone(), 3, Treatment::Repair).await;
        let again = examine(test, place, 3, Treatment::Repair).await;
        assert_eq!(first, again);
        let Some(next) = first.next else { return };
        place = next;
    }
}

pub(crate) async fn a_place_that_is_none_is_refused(test: &TestStore) {
    let portion =
        Portion { from: Place::from_text("nowhere at all".to_owned()), size: 1, treatment: Treatment::Repair };
    assert!(test.store.examine(&portion, test.now()).await.is_err());
}

pub(crate) async fn examining_disturbs_nobody_who_writes(test: &TestStore) {
    let users = {
        let mut users = Vec::new();
        for number in 0..20 {
            users.push(test.signed_up("Ann", &format!("ann-{number}@x.org")).await);
        }
        users
    };
    let acts = users.into_iter().map(|user| {
        let (store, now) = (std::sync::Arc::clone(&test.store), test.now());
        async move {
            store
                .replace_password(user.id, user.version, &password_hash(3), None, Client::nobody(), now)
                .await
                .expect("the store works");
            let mut portion = Portion { from: Place::start(), size: 50, treatment: Treatment::Repair };
            while let Some(next) = store.examine(&portion, now).await.expect("the store works").next {
                portion.from = next;
            }
            user.id
        }
    });
    for id in at_once(acts.collect::<Vec<_>>()).await {
        assert_eq!(test.user(id).await.map(|user| user.password_hash), Some(password_hash(3)));
    }
}
