//! The cache of API keys: single-flight, and what it answers while the store is unavailable.

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

/// Answers a read once it has a permit, with its keys or with an error.
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

fn cache(keys: Option<Vec<StoredKey>>) -> (Arc<SlowKeyStore>, ApiKeyCache) {
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
async fn concurrent_calls_share_one_read_and_its_failure() {
    for (keys, empty) in [(None, None), (Some(Vec::new()), Some(true))] {
        let (store, cache) = cache(keys);
        let fetch = || async { cache.is_empty().await.ok() };
        let let_one_through = async { store.permits.add_permits(1) };
        let (one, two, three, ()) = join!(fetch(), fetch(), fetch(), let_one_through);
        assert_eq!([one, two, three], [empty; 3]);
        assert_eq!(store.reads.load(Ordering::SeqCst), 1, "one read for all callers");
    }
}

#[rocket::async_test]
async fn a_failed_read_is_not_cached() {
    let (store, cache) = cache(None);
    store.permits.add_permits(2);
    assert!(cache.is_empty().await.is_err() && cache.is_empty().await.is_err());
    assert_eq!(store.reads.load(Ordering::SeqCst), 2);
}

#[rocket::async_test]
async fn that_a_key_exists_is_read_once() {
    let key =
        StoredKey { id: "0123456789abcdef".to_owned(), text: "can't be read, and is there all the same".to_owned() };
    let (store, cache) = cache(Some(vec![key]));
    store.permits.add_permits(1);
    for _ in 0..3 {
        assert!(!cache.is_empty().await.expect("the store has answered once"));
    }
    assert_eq!(store.reads.load(Ordering::SeqCst), 1);
}

/// In a cluster one shard stores all keys, and its loss must not affect requests to other shards. That there is no key
/// enables protected mode, so it has to be confirmed by the store.
#[rocket::async_test]
async fn while_the_store_is_away_cached_keys_are_accepted_and_their_absence_expires() {
    let made = Arc::new(MemoryStore::default());
    let keys =
        ApiKeyService::new(Arc::clone(&made) as _, clock() as Arc<dyn Clock>, Arc::new(SeededRandom::from_seed(2)));
    let (_, token) = keys.create("gateway", BTreeSet::new()).await.expect("it is there").expect("there is room");
    let kept = made.keys(KeyKind::Api).await.expect("it is there");
    for (kept, there) in [(kept, true), (Vec::new(), false)] {
        let (store, cache) = cache(Some(kept));
        store.permits.add_permits(1_000_000);
        assert_eq!(cache.find(&token).await.expect("the store answers").is_some(), there);
        assert_eq!(cache.is_empty().await.expect("the store answers"), !there);
        store.away.store(true, Ordering::SeqCst);
        let reads = store.reads.load(Ordering::SeqCst);
        // The cache reads the store again within a second.
        userd_test_support::redis_server::wait_for("the store is read again", || {
            let found = futures_util::FutureExt::now_or_never(cache.find(&token)).expect("no call waits");
            assert_eq!(found.expect("the cached keys stay in use").is_some(), there);
            store.reads.load(Ordering::SeqCst) > reads
        });
        assert_eq!(cache.is_empty().await.ok(), Some(!there), "it lasts through a failover");
        if !there {
            userd_test_support::redis_server::wait_for("the cached absence of keys expires", || {
                futures_util::FutureExt::now_or_never(cache.is_empty()).expect("no call waits").is_err()
            });
        }
    }
}
