//! Many callers that need the service keys while the store is unavailable share one call.
//!
//! One after the other, each would wait for the store's time limit as often as there are callers before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use userd_core::clock::ManualClock;
use userd_core::random::SeededRandom;
use userd_service::{
    ApiKeyCache, ApiKeyService, Error, KeyDependencies, KeyEncryption, SigningAlgorithm, SigningKeySet,
};
use userd_store::{KeyKind, KeyStore, StoreError, StoredKey};

use super::START;
use userd_store::memory::MemoryStore;

/// How many call at once.
const MANY: usize = 16;

/// A store that answers its first reads, and is then unavailable as long as the test wants.
struct FailingKeyStore {
    keys: MemoryStore,
    reads_before_failure: usize,
    asked: AtomicUsize,
    gate: Semaphore,
}

impl FailingKeyStore {
    fn after(reads_before_failure: usize) -> Arc<Self> {
        Arc::new(Self {
            keys: MemoryStore::default(),
            reads_before_failure,
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        })
    }

    /// How often it was called since then.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst) - self.reads_before_failure
    }

    /// Continues all waiting callers, once they wait.
    async fn release_waiting(&self) {
        for _ in 0..10 * MANY {
            yield_now().await;
        }
        self.gate.add_permits(MANY * MANY);
    }
}

#[async_trait]
impl KeyStore for FailingKeyStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.reads_before_failure {
            return self.keys.keys(kind).await;
        }
        self.gate.acquire().await.expect("it is never closed").forget();
        Err(StoreError::unavailable("away"))
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.keys.replace_key(kind, id, expected, next).await
    }
}

fn key_set(store: &Arc<FailingKeyStore>, clock: &Arc<ManualClock>) -> SigningKeySet {
    let dependencies = KeyDependencies {
        store: Arc::clone(store) as _,
        key_encryption: Arc::new(KeyEncryption::new(None)),
        clock: Arc::clone(clock) as _,
        random: Arc::new(SeededRandom::from_seed(1)),
    };
    SigningKeySet::new(dependencies, SigningAlgorithm::Es256)
}

#[tokio::test]
async fn all_callers_that_need_api_keys_share_one_failure() {
    let (store, clock) = (FailingKeyStore::after(0), Arc::new(ManualClock::at(START)));
    let keyring =
        ApiKeyCache::new(ApiKeyService::new(Arc::clone(&store) as _, clock, Arc::new(SeededRandom::from_seed(1))));
    let (answers, ()) = tokio::join!(join_all((0..MANY).map(|_| keyring.is_empty())), store.release_waiting());
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Store(_)))), "{answers:?}");
    assert_eq!(store.asked(), 1);
    assert!(keyring.is_empty().await.is_err());
    assert_eq!(store.asked(), 2, "who comes later asks again");
}

#[tokio::test]
async fn all_callers_that_need_signing_keys_share_one_failure() {
    let store = FailingKeyStore::after(0);
    let key_set = key_set(&store, &Arc::new(ManualClock::at(START)));
    let (answers, ()) = tokio::join!(join_all((0..MANY).map(|_| key_set.published())), store.release_waiting());
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Store(_)))));
    assert_eq!(store.asked(), 1);
}

#[tokio::test]
async fn keys_that_were_read_before_are_published_after_one_failure_however_long_it_took() {
    let (store, clock) = (FailingKeyStore::after(1), Arc::new(ManualClock::at(START)));
    let key_set = key_set(&store, &clock);
    let before = key_set.published().await.expect("made");
    clock.advance_ms(2_000);
    let later = async {
        // The first one waits for the store by now.
        clock.advance_ms(1_500);
        join_all((0..MANY).map(|_| key_set.published())).await
    };
    let leaving = async {
        for _ in 0..10 * MANY {
            yield_now().await;
        }
        clock.advance_ms(1_500);
        store.release_waiting().await;
    };
    let (first, others, ()) = tokio::join!(key_set.published(), later, leaving);
    for answer in others.into_iter().chain([first]) {
        assert_eq!(answer.expect("those before").len(), before.len());
    }
    assert_eq!(store.asked(), 1);
}
