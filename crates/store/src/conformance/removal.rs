//! Promises about deleting a user.

use crate::{DeleteUserOutcome, UpdateUserOutcome};
use userd_core::{Actor, User, UserVersion};

use super::test_store::{TestStore, password_hash};

async fn removed(test: &TestStore, user: &User, expected: UserVersion) -> DeleteUserOutcome {
    test.store.delete_user(user.id, expected, Actor::anonymous(), test.now()).await.expect("the store works")
}

pub async fn a_deleted_user_is_gone_and_the_email_is_free(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    assert_eq!(removed(test, &ann, ann.version).await, DeleteUserOutcome::Deleted);
    assert_eq!(test.user(ann.id).await, None);
    assert_eq!(test.by_email("ann@x.org").await, None);
    assert_eq!(test.user(bob.id).await, Some(bob));
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
    test.signed_up("Next", "ann@x.org").await;
}

pub async fn a_deletion_for_another_version_is_rejected_and_nothing_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    for stale in [UserVersion::from_number(0), ann.version.next(), UserVersion::from_number(u64::MAX)] {
        assert_eq!(removed(test, &ann, stale).await, DeleteUserOutcome::VersionConflict, "{stale}");
    }
    assert_eq!(test.by_email("ann@x.org").await, Some(ann));
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
}

pub async fn a_deletion_of_an_unknown_user_is_not_found(test: &TestStore) {
    let absent = test.new_user("Absent", "absent@x.org");
    assert_eq!(removed(test, &absent, UserVersion::FIRST).await, DeleteUserOutcome::NotFound);
    let ann = test.signed_up("Ann", "ann@x.org").await;
    assert_eq!(removed(test, &ann, ann.version).await, DeleteUserOutcome::Deleted);
    assert_eq!(removed(test, &ann, ann.version).await, DeleteUserOutcome::NotFound);
}

pub async fn a_deleted_user_never_comes_back(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    assert_eq!(removed(test, &ann, ann.version).await, DeleteUserOutcome::Deleted);
    for version in [ann.version, ann.version.next()] {
        let profile = test.profile("Ann", "ann@x.org");
        let changes = [
            test.store.update_profile(ann.id, version, &profile, Actor::anonymous(), test.now()).await,
            test.store.update_password(ann.id, version, &password_hash(2), None, Actor::anonymous(), test.now()).await,
            test.store.update_password_hash(ann.id, version, &password_hash(2)).await,
        ];
        for change in changes {
            assert_eq!(change.expect("the store works"), UpdateUserOutcome::NotFound);
        }
    }
    assert_eq!(test.user(ann.id).await, None);
    assert_eq!(test.by_email("ann@x.org").await, None);
}

pub async fn signing_up_again_makes_another_user(test: &TestStore) {
    for round in 0..5 {
        let ann = test.signed_up("Ann", "ann@x.org").await;
        assert_eq!(ann.version, UserVersion::FIRST);
        assert_eq!(test.by_email("ann@x.org").await.map(|user| user.id), Some(ann.id), "round {round}");
        assert_eq!(removed(test, &ann, ann.version).await, DeleteUserOutcome::Deleted);
    }
    let last = test.signed_up("Ann", "ANN@x.org").await;
    assert_eq!(test.by_email("ann@x.org").await, Some(last));
}
