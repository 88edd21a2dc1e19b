//! What a node knows of API keys while the store does not answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use rocket::tokio::join;
use rocket::tokio::sync::Semaphore;
use userd_core::clock::Clock;
use userd_core::random::SeededRandom;
use userd_service::{ApiKeyCache, ApiKeyService};
use userd_store::{KeyKind, KeyStore, StoreError, StoredKey};

use crate::http::clock;
use userd_store::memory::MemoryStore;

/// Answers a reading when it is let, with what is in it or not at all.
struct SlowKeyStore {
    away: AtomicBool,
    reads: AtomicUsize,
    permits: Semaphore,
    keys: Option<Vec<StoredKey>>,
}

#[async_trait]
impl KeyStore for SlowKeyStore {
    async fn keys(&self, _: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.expect("it is never closed").forget();
        let keys = self.keys.clone().filter(|_| !self.away.load(Ordering::SeqCst));
        keys.ok_or_else(|| StoreError::unavailable("away"))
    }

    async fn replace_key(&self, _: KeyKind, _: &str, _: Option<&str>, _: Option<&str>) -> Result<bool, StoreError> {
        Ok(false)
    }
}

fn keyring(keys: Option<Vec<StoredKey>>) -> (Arc<SlowKeyStore>, ApiKeyCache) {
    let store = Arc::new(SlowKeyStore {
        away: AtomicBool::new(false),
        reads: AtomicUsize::new(0),
        permits: Semaphore::new(0),
        keys,
    });
    let random = Arc::new(SeededRandom::from_seed(1));
    let keys = ApiKeyService::new(Arc::clone(&store) as _, clock() as Arc<dyn Clock>, random);
    (store, ApiKeyCache::new(keys))
}

#[rocket::async_test]
async fn who_waits_for_a_reading_shares_what_came_of_it_also_a_failure() {
    for (keys, empty) in [(None, None), (Some(Vec::new()), Some(true))] {
        let (store, keyring) = keyring(keys);
        let fetch = || async { keyring.is_empty().await.ok() };
        let let_one_through = async { store.permits.add_permits(1) };
        let (one, two, three, ()) = join!(fetch(), fetch(), fetch(), let_one_through);
        assert_eq!([one, two, three], [empty; 3]);
        assert_eq!(store.reads.load(Ordering::SeqCst), 1, "one has asked for all");
    }
}

#[rocket::async_test]
async fn who_asks_after_a_failure_has_the_store_asked_again() {
    let (store, keyring) = keyring(None);
    store.permits.add_permits(2);
    assert!(keyring.is_empty().await.is_err() && keyring.is_empty().await.is_err());
    assert_eq!(store.reads.load(Ordering::SeqCst), 2);
}

#[rocket::async_test]
async fn that_there_is_a_key_is_asked_once() {
    let key =
        StoredKey { id: "0123456789abcdef".to_owned(), text: "can't be read, and is there all the same".to_owned() };
    let (store, keyring) = keyring(Some(vec![key]));
    store.permits.add_permits(1);
    for _ in 0..3 {
        assert!(!keyring.is_empty().await.expect("the store has answered once"));
    }
    assert_eq!(store.reads.load(Ordering::SeqCst), 1);
}

/// In a cluster the keys lie in one shard, and its loss must not cost everybody else their service. But that everybody
/// may do everything has to be known.
#[rocket::async_test]
async fn while_the_store_is_away_known_keys_open_and_that_there_are_none_is_soon_forgotten() {
    let made = Arc::new(MemoryStore::default());
    let keys =
        ApiKeyService::new(Arc::clone(&made) as _, clock() as Arc<dyn Clock>, Arc::new(SeededRandom::from_seed(2)));
    let (_, token) = keys.create("gateway", BTreeSet::new()).await.expect("it is there").expect("there is room");
    let kept = made.keys(KeyKind::Api).await.expect("it is there");
    for (kept, there) in [(kept, true), (Vec::new(), false)] {
        let (store, keyring) = keyring(Some(kept));
        store.permits.add_permits(1_000_000);
        assert_eq!(keyring.find(&token).await.expect("the store answers").is_some(), there);
        assert_eq!(keyring.is_empty().await.expect("the store answers"), !there);
        store.away.store(true, Ordering::SeqCst);
        let asked = store.reads.load(Ordering::SeqCst);
        // It is asked again within a second.
        userd_test_support::redis_server::wait_for("the store is asked again", || {
            let found = futures_util::FutureExt::now_or_never(keyring.find(&token)).expect("nobody waits");
            assert_eq!(found.expect("it goes on with what it knew").is_some(), there);
            store.reads.load(Ordering::SeqCst) > asked
        });
        assert_eq!(keyring.is_empty().await.ok(), Some(!there), "a failover is got over");
        if !there {
            userd_test_support::redis_server::wait_for("that there is no key is known no more", || {
                futures_util::FutureExt::now_or_never(keyring.is_empty()).expect("nobody waits").is_err()
            });
        }
    }
}
