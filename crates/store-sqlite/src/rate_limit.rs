//! Rate limits, as the contract defines them. The buckets are in `rate_limit_buckets`.

use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;

use super::rate_limit_buckets::RateLimitBuckets;
use super::store::SqliteStore;
use userd_core::{RateLimitBucket, RateLimitDecision, Timestamp};
use userd_store::{RateLimitStore, StoreError};

#[async_trait]
impl RateLimitStore for SqliteStore {
    async fn take(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<RateLimitDecision, StoreError> {
        Ok(self.buckets().take(buckets, now))
    }

    async fn refund(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<(), StoreError> {
        self.buckets().refund(buckets, now);
        Ok(())
    }

    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError> {
        self.buckets().reset(buckets);
        Ok(())
    }
}

impl SqliteStore {
    /// Locked for some microseconds, and never across an await.
    pub(super) fn buckets(&self) -> MutexGuard<'_, RateLimitBuckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
