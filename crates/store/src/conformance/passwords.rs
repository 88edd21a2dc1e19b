//! Promises about replacing passwords and their hashes.

use crate::UpdateUserOutcome;
use userd_core::{Actor, User, UserVersion};

use super::test_store::{TestStore, password_hash};

fn updated_user(update: UpdateUserOutcome) -> User {
    match update {
        UpdateUserOutcome::Updated(user) => *user,
        other => panic!("not updated: {other:?}"),
    }
}

pub async fn a_password_is_replaced_and_updated_at_moves(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    test.clock.advance_ms(1_000);
    let update =
        test.store.update_password(ann.id, ann.version, &password_hash(2), None, Actor::anonymous(), test.now()).await;
    let after = updated_user(update.expect("the store works"));
    assert!(after.version > ann.version);
    let expected =
        User { password_hash: password_hash(2), updated_at: test.now(), version: after.version, ..ann.clone() };
    assert_eq!(after, expected);
    assert_eq!(test.user(ann.id).await, Some(expected));
}

pub async fn another_hash_of_the_same_password_leaves_updated_at(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    test.clock.advance_ms(1_000);
    let update = test.store.update_password_hash(ann.id, ann.version, &password_hash(2)).await;
    let after = updated_user(update.expect("the store works"));
    assert!(after.version > ann.version);
    assert_eq!(after, User { password_hash: password_hash(2), version: after.version, ..ann.clone() });
    assert_eq!(test.user(ann.id).await, Some(after));
}

pub async fn a_password_change_for_another_version_is_rejected_and_nothing_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let update =
        test.store.update_password(ann.id, ann.version, &password_hash(2), None, Actor::anonymous(), test.now()).await;
    let after = updated_user(update.expect("the store works"));
    for stale in [ann.version, after.version.next()] {
        let refused =
            test.store.update_password(ann.id, stale, &password_hash(3), None, Actor::anonymous(), test.now()).await;
        assert_eq!(refused.expect("the store works"), UpdateUserOutcome::VersionConflict);
        let refused = test.store.update_password_hash(ann.id, stale, &password_hash(3)).await;
        assert_eq!(refused.expect("the store works"), UpdateUserOutcome::VersionConflict);
    }
    assert_eq!(test.user(ann.id).await, Some(after));
}

pub async fn a_password_change_of_an_unknown_user_is_not_found(test: &TestStore) {
    let absent = test.new_user("Absent", "absent@x.org");
    let refused = test
        .store
        .update_password(absent.id, UserVersion::FIRST, &password_hash(3), None, Actor::anonymous(), test.now())
        .await;
    assert_eq!(refused.expect("the store works"), UpdateUserOutcome::NotFound);
    let refused = test.store.update_password_hash(absent.id, UserVersion::FIRST, &password_hash(3)).await;
    assert_eq!(refused.expect("the store works"), UpdateUserOutcome::NotFound);
    assert_eq!(test.user(absent.id).await, None);
}

pub async fn versions_grow_strictly_with_every_change(test: &TestStore) {
    let mut last = test.signed_up("Ann", "ann@x.org").await;
    assert_eq!(last.version, UserVersion::FIRST);
    for round in 0..12_u64 {
        let hash = password_hash(round);
        let update = match round % 3 {
            0 => test.store.update_password(last.id, last.version, &hash, None, Actor::anonymous(), test.now()).await,
            1 => test.store.update_password_hash(last.id, last.version, &hash).await,
            _ => {
                let profile = test.profile("Ann", &format!("ann{round}@x.org"));
                test.store.update_profile(last.id, last.version, &profile, Actor::anonymous(), test.now()).await
            }
        };
        let next = updated_user(update.expect("the store works"));
        assert!(next.version > last.version, "{} after {}", next.version, last.version);
        last = next;
    }
    assert_eq!(test.user(last.id).await, Some(last));
}
