//! Promises about sign-up and look-up.

use crate::CreateUserOutcome;
use userd_core::{Actor, CanonicalEmail, EMAIL_BYTES_MAX, Email};

use super::test_store::TestStore;

pub async fn a_new_user_is_found_by_id_and_by_email(test: &TestStore) {
    let ann = test.signed_up("Ann", "Ann@Example.org").await;
    assert_eq!(test.user(ann.id).await, Some(ann.clone()));
    assert_eq!(test.by_email("ann@example.org").await, Some(ann));
}

pub async fn no_user_is_found_in_an_empty_store(test: &TestStore) {
    let absent = test.new_user("Absent", "absent@x.org");
    assert_eq!(test.user(absent.id).await, None);
    assert_eq!(test.by_email("absent@x.org").await, None);
    assert_eq!(test.store.users_count().await.expect("the store works"), 0);
}

pub async fn other_spellings_lead_to_the_same_user(test: &TestStore) {
    let ann = test.signed_up("Ann", "ANN@x.org").await;
    for spelling in ["ann@x.org", "Ann@X.ORG", " aNN@x.org "] {
        assert_eq!(test.by_email(spelling).await, Some(ann.clone()), "{spelling}");
    }
    assert_eq!(test.user(ann.id).await.map(|user| user.email.as_written().to_owned()), Some("ANN@x.org".to_owned()));
}

pub async fn a_taken_email_is_rejected_and_nothing_changes(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let other = test.new_user("Other", "ann@x.org");
    assert_eq!(
        test.store.create_user(&other, Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::EmailTaken
    );
    assert_eq!(test.user(other.id).await, None);
    assert_eq!(test.by_email("ann@x.org").await, Some(ann));
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
}

pub async fn another_spelling_of_a_taken_email_is_rejected(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let other = test.new_user("Other", "ANN@X.org");
    assert_eq!(
        test.store.create_user(&other, Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::EmailTaken
    );
    assert_eq!(test.by_email("ann@x.org").await, Some(ann));
}

/// A repeat after a lost answer.
pub async fn the_same_sign_up_twice_creates_one_user(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    assert_eq!(
        test.store.create_user(&ann, Actor::anonymous()).await.expect("the store works"),
        CreateUserOutcome::Created
    );
    assert_eq!(test.user(ann.id).await, Some(ann));
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
}

pub async fn users_are_counted(test: &TestStore) {
    for number in 1..=20_u64 {
        test.signed_up("Grace", &format!("n{number}@x.org")).await;
        assert_eq!(test.store.users_count().await.expect("the store works"), number);
    }
}

/// Also values that no parser accepts today: a store keeps what it gets.
pub async fn odd_values_survive_byte_for_byte(test: &TestStore) {
    let longest = format!("{}@{}.{}.{}", "l".repeat(64), "a".repeat(63), "b".repeat(63), "c".repeat(61));
    assert_eq!(longest.len(), EMAIL_BYTES_MAX);
    let emails = [
        longest.as_str(),
        "{1f3}@x.org",
        "a{b}c:d@x.org",
        "100%25@x.org",
        "it's;--@x.org",
        "\"quoted\"\\@x.org",
        "a b@x.org",
        "*?[a-z]@x.org",
        "ünï@xn--bcher-kva.example",
        "\u{1f600}@x.org",
    ];
    for (number, email) in emails.iter().enumerate() {
        let name =
            if number % 2 == 0 { "\u{1f600}".repeat(200) } else { "Robert'); DROP\u{a0}TABLE \"users\";--".to_owned() };
        let email = Email::from_stored((*email).to_owned(), CanonicalEmail::from_stored((*email).to_owned()));
        let user = test.new_user_at(&name, email);
        assert_eq!(
            test.store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
            CreateUserOutcome::Created
        );
        assert_eq!(test.user(user.id).await.as_ref(), Some(&user));
        let found = test.store.user_by_email(user.email.canonical()).await.expect("the store works");
        assert_eq!(found, Some(user));
    }
}

pub async fn an_email_that_is_a_prefix_of_another_is_another_email(test: &TestStore) {
    test.signed_up("Ann", "ann@x.org").await;
    for email in
        ["ann@x.or", "ann@x.orga", "nn@x.org", "aann@x.org", "%@x.org", "ann@x_org", "ann@x.org\0", "ann@x.org:"]
    {
        let email = CanonicalEmail::from_stored(email.to_owned());
        assert_eq!(test.store.user_by_email(&email).await.expect("the store works"), None, "{email}");
    }
}
