//! Counting tries: the contract's part of `buckets`.

use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;

use super::EmbeddedStore;
use super::buckets::Buckets;
use userd_core::{Bucket, Taken, Timestamp};
use userd_store::{StoreError, Throttle};

#[async_trait]
impl Throttle for EmbeddedStore {
    async fn take(&self, buckets: &[Bucket], now: Timestamp) -> Result<Taken, StoreError> {
        Ok(self.buckets().take(buckets, now))
    }

    async fn give_back(&self, buckets: &[Bucket], now: Timestamp) -> Result<(), StoreError> {
        self.buckets().give_back(buckets, now);
        Ok(())
    }

    async fn fill(&self, buckets: &[Bucket]) -> Result<(), StoreError> {
        self.buckets().fill(buckets);
        Ok(())
    }
}

impl EmbeddedStore {
    /// Held for some microseconds, and never over an await.
    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
