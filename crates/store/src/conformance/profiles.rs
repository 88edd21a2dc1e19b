//! Promises about replacing name and e-mail address.

use crate::{CreateUserOutcome, UpdateUserOutcome, UserProfile};
use userd_core::{Actor, User, UserId, UserVersion};

use super::test_store::TestStore;

async fn replace_profile_with(
    test: &TestStore,
    id: UserId,
    expected: UserVersion,
    profile: &UserProfile,
) -> UpdateUserOutcome {
    test.store.update_profile(id, expected, profile, Actor::anonymous(), test.now()).await.expect("the store works")
}

/// The user after a change that has to succeed.
async fn updated_user(test: &TestStore, user: &User, name: &str, email: &str) -> User {
    match replace_profile_with(test, user.id, user.version, &test.profile(name, email)).await {
        UpdateUserOutcome::Updated(user) => *user,
        other => panic!("{email}: {other:?}"),
    }
}

pub async fn a_name_is_replaced_and_the_version_grows(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    test.clock.advance_ms(5);
    let after = updated_user(test, &ann, "Ann Lee", "ann@x.org").await;
    assert!(after.version > ann.version);
    let expected = User {
        name: test.profile("Ann Lee", "ann@x.org").name,
        updated_at: test.now(),
        version: after.version,
        ..ann.clone()
    };
    assert_eq!(after, expected);
    assert_eq!(test.user(ann.id).await, Some(expected));
}

pub async fn the_same_email_in_another_spelling_is_no_conflict(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let after = updated_user(test, &ann, "Ann", "ANN@x.org").await;
    assert_eq!(after.email.as_written(), "ANN@x.org");
    assert_eq!(after.email.canonical(), ann.email.canonical());
    assert_eq!(test.by_email("ann@x.org").await, Some(after));
}

pub async fn a_new_email_moves_the_user_and_frees_the_old_one(test: &TestStore) {
    let ann = test.signed_up("Ann", "old@x.org").await;
    let after = updated_user(test, &ann, "Ann", "new@x.org").await;
    assert_eq!(test.by_email("old@x.org").await, None);
    assert_eq!(test.by_email("new@x.org").await, Some(after));
    let next = test.signed_up("Next", "old@x.org").await;
    assert_eq!(test.by_email("old@x.org").await, Some(next));
    assert_eq!(test.store.users_count().await.expect("the store works"), 2);
}

pub async fn a_user_can_move_to_a_new_email_and_back(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "home@x.org").await;
    for _ in 0..5 {
        ann = updated_user(test, &ann, "Ann", "away@x.org").await;
        assert_eq!(test.by_email("home@x.org").await, None);
        ann = updated_user(test, &ann, "Ann", "home@x.org").await;
        assert_eq!(test.by_email("away@x.org").await, None);
    }
    test.signed_up("Next", "away@x.org").await;
}

pub async fn a_change_to_a_taken_email_is_rejected_and_nothing_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let wanted = test.profile("Robert", "ANN@x.org");
    assert_eq!(replace_profile_with(test, bob.id, bob.version, &wanted).await, UpdateUserOutcome::EmailTaken);
    assert_eq!(test.by_email("ann@x.org").await, Some(ann));
    assert_eq!(test.by_email("bob@x.org").await, Some(bob.clone()));
    // A rejected change consumes nothing: the same version is still accepted.
    updated_user(test, &bob, "Robert", "bob@x.org").await;
}

pub async fn a_profile_change_for_another_version_is_rejected_and_nothing_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let after = updated_user(test, &ann, "Ann Lee", "ann@x.org").await;
    let wanted = test.profile("Anna", "anna@x.org");
    for stale in [ann.version, after.version.next(), UserVersion::from_number(0), UserVersion::from_number(u64::MAX)] {
        assert_eq!(
            replace_profile_with(test, ann.id, stale, &wanted).await,
            UpdateUserOutcome::VersionConflict,
            "{stale}"
        );
    }
    assert_eq!(test.user(ann.id).await, Some(after));
    assert_eq!(test.by_email("anna@x.org").await, None);
    let free = test.new_user("Anna", "anna@x.org");
    assert_eq!(
        test.store.create_user(&free, Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::Created
    );
}

pub async fn a_profile_change_of_an_unknown_user_is_not_found(test: &TestStore) {
    let absent = test.new_user("Absent", "absent@x.org");
    let wanted = test.profile("Absent", "free@x.org");
    assert_eq!(replace_profile_with(test, absent.id, UserVersion::FIRST, &wanted).await, UpdateUserOutcome::NotFound);
    assert_eq!(test.by_email("free@x.org").await, None);
    test.signed_up("Free", "free@x.org").await;
}
