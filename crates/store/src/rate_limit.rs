//! The buckets of the rate limits on password attempts.
//!
//! The rule is [`RateLimit::take`](userd_core::RateLimit::take), with the store's clock where it has one. Which buckets
//! an attempt is charged to is the service's business.

use async_trait::async_trait;

use userd_core::{RateLimitBucket, RateLimitDecision, Timestamp};

use crate::error::StoreError;

/// Charging attempts to buckets. A loss of buckets (a restart of the SQLite store, a failover) only refills them.
#[async_trait]
pub trait RateLimitStore: Send + Sync + 'static {
    /// Takes one token from each bucket, in their order, up to the first empty one.
    ///
    /// - **Invariant:** two callers never take the same token.
    /// - The buckets of one account are charged in one atomic step, all or none of them. A token taken from another
    ///   bucket before stays taken.
    async fn take(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<RateLimitDecision, StoreError>;

    /// Returns one token to each bucket.
    async fn refund(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<(), StoreError>;

    /// Refills each bucket.
    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError>;
}
