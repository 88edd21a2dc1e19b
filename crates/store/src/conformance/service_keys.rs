//! Promises about service keys.

use std::sync::Arc;

use crate::{KEY_BYTES_MAX, KeyKind, StoredKey};

use super::concurrency::run_concurrently;
use super::test_store::TestStore;

const TASKS: usize = 16;

async fn replace(test: &TestStore, id: &str, expected: Option<&str>, next: Option<&str>) -> bool {
    test.store.replace_key(KeyKind::Api, id, expected, next).await.expect("the store works")
}

async fn keys(test: &TestStore, kind: KeyKind) -> Vec<(String, String)> {
    let keys = test.store.keys(kind).await.expect("the store works");
    keys.into_iter().map(|StoredKey { id, text }| (id, text)).collect()
}

fn pair(id: &str, text: &str) -> (String, String) {
    (id.to_owned(), text.to_owned())
}

pub async fn keys_are_listed_by_their_ids_and_kinds_apart(test: &TestStore) {
    for kind in KeyKind::ALL {
        assert_eq!(keys(test, kind).await, []);
    }
    for id in ["b", "a2", "c", "a", "a10"] {
        assert!(replace(test, id, None, Some(&format!("text of {id}"))).await);
    }
    let signing = test.store.replace_key(KeyKind::Signing, "a", None, Some("signs")).await;
    assert!(signing.expect("the store works"));
    let expected = ["a", "a10", "a2", "b", "c"].map(|id| pair(id, &format!("text of {id}")));
    assert_eq!(keys(test, KeyKind::Api).await, expected);
    assert_eq!(keys(test, KeyKind::Signing).await, [pair("a", "signs")]);
    assert_eq!(keys(test, KeyKind::Device).await, []);
    assert!(test.store.replace_key(KeyKind::Signing, "a", Some("signs"), None).await.expect("the store works"));
    assert_eq!(keys(test, KeyKind::Api).await, expected);
}

pub async fn a_service_key_is_replaced_only_if_it_has_the_expected_content(test: &TestStore) {
    assert!(!replace(test, "a", Some("one"), Some("two")).await, "there is none");
    assert_eq!(keys(test, KeyKind::Api).await, []);
    assert!(replace(test, "a", None, Some("one")).await);
    assert!(!replace(test, "a", None, Some("two")).await, "there is one");
    assert!(!replace(test, "a", Some("other"), Some("two")).await);
    assert!(!replace(test, "a", Some("other"), None).await);
    assert_eq!(keys(test, KeyKind::Api).await, [pair("a", "one")]);
    assert!(replace(test, "a", Some("one"), Some("two")).await);
    assert!(!replace(test, "a", Some("one"), Some("three")).await);
    assert_eq!(keys(test, KeyKind::Api).await, [pair("a", "two")]);
    assert!(replace(test, "a", Some("two"), None).await);
    assert_eq!(keys(test, KeyKind::Api).await, []);
    assert!(replace(test, "a", None, Some("one")).await, "a free id again");
}

pub async fn a_repeated_key_change_succeeds_again(test: &TestStore) {
    for _ in 0..2 {
        assert!(replace(test, "a", None, Some("one")).await);
    }
    for _ in 0..2 {
        assert!(replace(test, "a", Some("one"), Some("two")).await);
    }
    for _ in 0..2 {
        assert!(replace(test, "a", Some("two"), None).await);
    }
    assert!(replace(test, "a", None, None).await, "there is none, and none is to be");
    assert_eq!(keys(test, KeyKind::Api).await, []);
}

pub async fn a_service_key_is_returned_byte_for_byte(test: &TestStore) {
    let long = "é".repeat(KEY_BYTES_MAX / 2);
    let texts = ["", " ", "{\"name\":\"Zoë\",\"scopes\":[\"users:read\"]}", "a\nb\r\n\0c", "🔑", &long];
    for (number, text) in texts.iter().enumerate() {
        assert!(replace(test, &format!("{number:016x}"), None, Some(text)).await, "{number}");
    }
    let expected: Vec<_> =
        texts.iter().enumerate().map(|(number, text)| pair(&format!("{number:016x}"), text)).collect();
    assert_eq!(keys(test, KeyKind::Api).await, expected);
}

pub async fn of_many_different_keys_under_one_id_exactly_one_is_created(test: &TestStore) {
    for round in 0..10 {
        let id = format!("{round:016x}");
        let outcomes = run_concurrently((0..TASKS).map(|number| {
            let (store, id) = (Arc::clone(&test.store), id.clone());
            async move {
                let said = number.to_string();
                store.replace_key(KeyKind::Device, &id, None, Some(&said)).await.expect("the store works")
            }
        }))
        .await;
        let winners: Vec<_> = (0..TASKS).filter(|number| outcomes[*number]).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let kept = keys(test, KeyKind::Device).await.into_iter().find(|(kept, _)| *kept == id);
        assert_eq!(kept, Some((id, winners[0].to_string())), "round {round}");
    }
}

pub async fn of_many_changes_of_one_key_exactly_one_succeeds(test: &TestStore) {
    assert!(replace(test, "a", None, Some("start")).await);
    let mut last = "start".to_owned();
    for round in 0..10 {
        let outcomes = run_concurrently((0..TASKS).map(|number| {
            let (store, last) = (Arc::clone(&test.store), last.clone());
            // One of them deletes it.
            let next = (number > 0).then(|| format!("{round}/{number}"));
            async move {
                let done = store.replace_key(KeyKind::Api, "a", Some(&last), next.as_deref()).await;
                (done.expect("the store works"), next)
            }
        }))
        .await;
        let winners: Vec<_> = outcomes.into_iter().filter(|(done, _)| *done).map(|(_, next)| next).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let kept: Vec<_> = keys(test, KeyKind::Api).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(kept, winners[0].clone().into_iter().collect::<Vec<_>>(), "round {round}");
        if winners[0].is_none() {
            assert!(replace(test, "a", None, Some("again")).await);
        }
        last = winners[0].clone().unwrap_or_else(|| "again".to_owned());
    }
}
