//! Promises about the consistency check: an undamaged store has no findings, whatever the size of a batch.

use std::collections::BTreeSet;
use userd_core::Actor;

use crate::{CheckBatch, CheckCursor, CheckMode, CheckReport, DeleteUserOutcome};

use super::concurrency::run_concurrently;
use super::test_store::{TestStore, password_hash};

const MODES: [CheckMode; 2] = [CheckMode::Report, CheckMode::Repair];

async fn check_batch(test: &TestStore, from: CheckCursor, size: usize, mode: CheckMode) -> CheckReport {
    test.store.check_batch(&CheckBatch { from, size, mode }, test.now()).await.expect("the store works")
}

/// A whole check in batches of this size; returns the users that it saw. It must find nothing.
async fn users_seen(test: &TestStore, size: usize, mode: CheckMode) -> u64 {
    let (mut users, mut place, mut places) = (0, CheckCursor::start(), BTreeSet::new());
    loop {
        let report = check_batch(test, place, size, mode).await;
        assert_eq!((report.findings, report.topology_changed), (vec![], false));
        users += report.users;
        let Some(next) = report.next else { return users };
        assert!(places.insert(next.as_str().to_owned()), "a pass goes on, and does not come back to {next:?}");
        place = CheckCursor::from_text(next.as_str().to_owned());
    }
}

pub async fn an_empty_store_has_no_findings(test: &TestStore) {
    for mode in MODES {
        assert_eq!(users_seen(test, 100, mode).await, 0);
    }
}

pub async fn every_user_is_checked_whatever_the_size_of_a_batch(test: &TestStore) {
    let mut users = Vec::new();
    for number in 0..57 {
        users.push(test.signed_up("Ann", &format!("Ann.{number}@x.org")).await);
    }
    for (number, user) in users.iter().enumerate().take(20) {
        let profile = test.profile("Ann", &format!("other-{number}@x.org"));
        test.store
            .update_profile(user.id, user.version, &profile, Actor::anonymous(), test.now())
            .await
            .expect("the store works");
    }
    for user in &users[40..] {
        let removed = test
            .store
            .delete_user(user.id, user.version, Actor::anonymous(), test.now())
            .await
            .expect("the store works");
        assert_eq!(removed, DeleteUserOutcome::Deleted);
    }
    for size in [1, 2, 10, 39, 40, 41, 100_000] {
        for mode in MODES {
            assert_eq!(users_seen(test, size, mode).await, 40, "{size} {mode:?}");
        }
    }
    for (number, user) in users.iter().enumerate().take(20) {
        assert_eq!(test.by_email(&format!("other-{number}@x.org")).await.map(|found| found.id), Some(user.id));
    }
}

pub async fn a_batch_of_the_check_can_be_repeated(test: &TestStore) {
    for number in 0..10 {
        test.signed_up("Ann", &format!("ann-{number}@x.org")).await;
    }
    let mut place = CheckCursor::start();
    loop {
        let first = check_batch(test, place.clone(), 3, CheckMode::Repair).await;
        let again = check_batch(test, place, 3, CheckMode::Repair).await;
        assert_eq!(first, again);
        let Some(next) = first.next else { return };
        place = next;
    }
}

pub async fn an_invalid_cursor_of_the_check_is_rejected(test: &TestStore) {
    let portion =
        CheckBatch { from: CheckCursor::from_text("nowhere at all".to_owned()), size: 1, mode: CheckMode::Repair };
    assert!(test.store.check_batch(&portion, test.now()).await.is_err());
}

pub async fn a_check_does_not_disturb_concurrent_writes(test: &TestStore) {
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
                .update_password(user.id, user.version, &password_hash(3), None, Actor::anonymous(), now)
                .await
                .expect("the store works");
            let mut portion = CheckBatch { from: CheckCursor::start(), size: 50, mode: CheckMode::Repair };
            while let Some(next) = store.check_batch(&portion, now).await.expect("the store works").next {
                portion.from = next;
            }
            user.id
        }
    });
    for id in run_concurrently(acts.collect::<Vec<_>>()).await {
        assert_eq!(test.user(id).await.map(|user| user.password_hash), Some(password_hash(3)));
    }
}
