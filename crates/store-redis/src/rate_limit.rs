//! Rate limits, by the server's clock. A bucket is a key that holds the time at which the bucket is full again, and
//! expires then; the rule is in `scripts/gcra.lua`.
//!
//! All buckets of one account are in one shard, so one script takes from all of them or from none.

use ::redis::{ToRedisArgs, Value};
use async_trait::async_trait;

use crate::layout::Shard;
use crate::script::Script;
use crate::store::RedisStore;
use userd_core::{RateLimit, RateLimitBucket, RateLimitDecision, Timestamp};
use userd_store::{RateLimitStore, StoreError};

/// The longest time that a bucket may take to fill, in milliseconds: more than a hundred thousand years. Beyond that,
/// Lua's numbers are no longer exact.
const CAPACITY_MS_MAX: u64 = 1 << 52;

/// A bucket, and where it is stored.
struct StoredBucket {
    /// The index in the whole list.
    place: usize,
    shard: Shard,
    key: String,
    rate: RateLimit,
}

#[async_trait]
impl RateLimitStore for RedisStore {
    async fn take(&self, buckets: &[RateLimitBucket], _now: Timestamp) -> Result<RateLimitDecision, StoreError> {
        for group in self.stored_buckets(buckets).chunk_by(are_in_one_shard) {
            let rates: Vec<_> = group.iter().map(|bucket| (bucket.rate.interval_ms, bucket.rate.burst)).collect();
            let answer = self.run_on_buckets(group, Script::RateLimitTake, rates).await?;
            let unexpected = || StoreError::corrupt(&*group[0].key, "a step returned an unexpected answer");
            match ::redis::from_redis_value::<Vec<u64>>(answer).map_err(|_| unexpected())?[..] {
                [] => {}
                [place, retry_after_ms] => {
                    let empty = usize::try_from(place).ok().and_then(|place| group.get(place));
                    let place = empty.ok_or_else(unexpected)?.place;
                    return Ok(RateLimitDecision::Deny { place, retry_after_ms });
                }
                _ => return Err(unexpected()),
            }
        }
        Ok(RateLimitDecision::Allow)
    }

    async fn refund(&self, buckets: &[RateLimitBucket], _now: Timestamp) -> Result<(), StoreError> {
        for group in self.stored_buckets(buckets).chunk_by(are_in_one_shard) {
            let intervals: Vec<_> = group.iter().map(|bucket| bucket.rate.interval_ms).collect();
            self.run_on_buckets(group, Script::RateLimitRefund, intervals).await?;
        }
        Ok(())
    }

    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError> {
        for group in self.stored_buckets(buckets).chunk_by(are_in_one_shard) {
            self.run_on_buckets(group, Script::RateLimitReset, Vec::<u64>::new()).await?;
        }
        Ok(())
    }
}

/// Whether one script reaches both.
fn are_in_one_shard(one: &StoredBucket, other: &StoredBucket) -> bool {
    one.shard == other.shard
}

impl RedisStore {
    fn stored_buckets(&self, buckets: &[RateLimitBucket]) -> Vec<StoredBucket> {
        let stored = buckets.iter().enumerate().map(|(place, bucket)| {
            let (shard, key) = self.keys.rate_limit(bucket.key);
            let interval_ms = bucket.rate.interval_ms.clamp(1, CAPACITY_MS_MAX);
            let rate = RateLimit { interval_ms, burst: bucket.rate.burst.clamp(1, CAPACITY_MS_MAX / interval_ms) };
            StoredBucket { place, shard, key, rate }
        });
        stored.collect()
    }

    /// Runs a script on buckets of one shard.
    async fn run_on_buckets(
        &self,
        group: &[StoredBucket],
        script: Script,
        args: impl ToRedisArgs,
    ) -> Result<Value, StoreError> {
        let keys: Vec<&str> = group.iter().map(|bucket| bucket.key.as_str()).collect();
        Ok(self.run_script(self.router.deadline(), group[0].shard, script, &keys, args).await?.value)
    }
}
