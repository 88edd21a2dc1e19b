//! What a store promises about counting tries. The rule is [`RateLimit::take`](userd_core::Rate::take), by the store's
//! time where it has one.

use async_trait::async_trait;

use super::StoreError;
use userd_core::{RateLimitBucket, RateLimitDecision, Timestamp};

/// Where tries are counted. A loss of counts (a restart of the embedded store, a failover) only fills buckets.
#[async_trait]
pub trait RateLimitStore: Send + Sync + 'static {
    /// Takes one from each bucket, in their order, up to the first that is empty. Buckets of one account are taken
    /// from in one atomic step, and all or none of them; what was taken from others before stays taken. Two callers
    /// never take the same one.
    async fn take(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<RateLimitDecision, StoreError>;

    /// Gives one back to each bucket.
    async fn refund(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<(), StoreError>;

    /// Fills each bucket.
    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError>;
}
