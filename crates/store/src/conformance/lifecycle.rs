//! Promises about health checks, closing and opening again.

use crate::{DeleteUserOutcome, KeyKind, StoreError, StoredKey};
use userd_core::Actor;

use super::test_store::{TestStore, password_hash};

pub async fn a_working_store_is_healthy_and_the_check_changes_nothing(test: &TestStore) {
    test.store.check_health().await.expect("an empty store works");
    let ann = test.signed_up("Ann", "ann@x.org").await;
    for _ in 0..3 {
        test.store.check_health().await.expect("the store works");
    }
    assert_eq!(test.user(ann.id).await, Some(ann));
    assert_eq!(test.store.users_count().await.expect("the store works"), 1);
}

/// On stores of their own: the suite audits the given store afterwards.
pub async fn closing_twice_is_no_harm(test: &TestStore) {
    let other = test.another().await;
    other.signed_up("Ann", "ann@x.org").await;
    other.store.close().await;
    other.store.close().await;
    let other = test.another().await;
    tokio::join!(other.store.close(), other.store.close());
}

pub async fn a_closed_store_is_unavailable(test: &TestStore) {
    let other = test.another().await;
    let ann = other.signed_up("Ann", "ann@x.org").await;
    other.store.close().await;
    let bob = other.new_user("Bob", "bob@x.org");
    assert!(matches!(other.store.create_user(&bob, Actor::anonymous()).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(other.store.user(ann.id).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(other.store.check_health().await, Err(StoreError::Unavailable(_))));
}

pub async fn what_was_written_is_there_after_opening_again(test: TestStore) {
    let ann = test.signed_up("Ann", "Ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let eve = test.signed_up("Eve", "eve@x.org").await;
    test.store
        .update_password(bob.id, bob.version, &password_hash(9), None, Actor::anonymous(), test.now())
        .await
        .expect("the store works");
    let removed = test.store.delete_user(eve.id, eve.version, Actor::anonymous(), test.now()).await;
    assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
    let session = test.opened(&ann, 1).await;
    let key = StoredKey { id: "a".to_owned(), text: "says".to_owned() };
    assert!(test.store.replace_key(KeyKind::Api, &key.id, None, Some(&key.text)).await.expect("the store works"));
    let history = test.store.events(bob.id, 10).await.expect("the store works");
    assert_eq!(history.len(), 2, "signed up, and another password");
    let bob = test.user(bob.id).await;
    let mut test = test;
    for _ in 0..2 {
        test = test.reopen().await;
        assert_eq!(test.sessions_of(ann.id).await, std::slice::from_ref(&session));
        assert_eq!(test.store.keys(KeyKind::Api).await.expect("the store works"), std::slice::from_ref(&key));
        let id = bob.as_ref().expect("Bob is there").id;
        assert_eq!(test.store.events(id, 10).await.expect("the store works"), history);
        assert_eq!(test.user(ann.id).await, Some(ann.clone()));
        assert_eq!(test.by_email("bob@x.org").await, bob);
        assert_eq!(test.user(eve.id).await, None);
        test.assert_consistent().await;
    }
    test.signed_up("Eve", "eve@x.org").await;
    test.assert_consistent().await;
    test.store.close().await;
}
