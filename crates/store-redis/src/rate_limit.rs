//! Rate limits, by the server's clock. A bucket is a key that holds the time at which the bucket is full again, and
//! expires then; the rule is in `scripts/gcra.lua`.
//!
//! All buckets of one account are in one shard, so one script takes from all of them or from none.

use ::redis::Value;
use async_trait::async_trait;

use crate::layout::Shard;
use crate::script::Script;
use crate::store::RedisStore;
use userd_core::{RateLimit, RateLimitBucket, RateLimitDecision, Timestamp};
use userd_store::{RateLimitStore, StoreError};

/// The longest time that a bucket may take to fill, in milliseconds: more than a hundred thousand years. Beyond that,
/// Lua's numbers are no longer exact.
const CAPACITY_MS_MAX: u64 = 1 << 52;

/// Consecutive buckets of one shard.
struct ShardBuckets {
    shard: Shard,
    /// The index of the first of them in the whole list.
    first: usize,
    keys: Vec<String>,
    rates: Vec<RateLimit>,
}

#[async_trait]
impl RateLimitStore for RedisStore {
    async fn take(&self, buckets: &[RateLimitBucket], _now: Timestamp) -> Result<RateLimitDecision, StoreError> {
        for group in self.buckets_by_shard(buckets) {
            let rates = group.rates.iter();
            let args = rates.flat_map(|rate| [rate.interval_ms.to_string(), rate.burst.to_string()]).collect();
            let answer = self.run_on_buckets(&group, Script::RateLimitTake, args).await?;
            let numbers = ::redis::from_redis_value::<Vec<u64>>(answer).map_err(|_| group.unexpected_reply())?;
            match numbers[..] {
                [] => {}
                [place, retry_after_ms] if usize::try_from(place).is_ok_and(|place| place < group.keys.len()) => {
                    let place = group.first + usize::try_from(place).unwrap_or(0);
                    return Ok(RateLimitDecision::Deny { place, retry_after_ms });
                }
                _ => return Err(group.unexpected_reply()),
            }
        }
        Ok(RateLimitDecision::Allow)
    }

    async fn refund(&self, buckets: &[RateLimitBucket], _now: Timestamp) -> Result<(), StoreError> {
        for group in self.buckets_by_shard(buckets) {
            let args = group.rates.iter().map(|rate| rate.interval_ms.to_string()).collect();
            self.run_on_buckets(&group, Script::RateLimitRefund, args).await?;
        }
        Ok(())
    }

    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError> {
        for group in self.buckets_by_shard(buckets) {
            self.run_on_buckets(&group, Script::RateLimitReset, Vec::new()).await?;
        }
        Ok(())
    }
}

impl RedisStore {
    fn buckets_by_shard(&self, buckets: &[RateLimitBucket]) -> Vec<ShardBuckets> {
        let mut buckets_by_shard: Vec<ShardBuckets> = Vec::new();
        for (place, bucket) in buckets.iter().enumerate() {
            let (shard, key) = self.keys.rate_limit(bucket.key);
            let interval_ms = bucket.rate.interval_ms.clamp(1, CAPACITY_MS_MAX);
            let rate = RateLimit { interval_ms, burst: bucket.rate.burst.clamp(1, CAPACITY_MS_MAX / interval_ms) };
            match buckets_by_shard.last_mut().filter(|group| group.shard == shard) {
                Some(group) => {
                    group.keys.push(key);
                    group.rates.push(rate);
                }
                None => buckets_by_shard.push(ShardBuckets { shard, first: place, keys: vec![key], rates: vec![rate] }),
            }
        }
        buckets_by_shard
    }

    async fn run_on_buckets(
        &self,
        group: &ShardBuckets,
        script: Script,
        args: Vec<String>,
    ) -> Result<Value, StoreError> {
        let keys: Vec<&str> = group.keys.iter().map(String::as_str).collect();
        let reply = self.router.script(self.router.deadline(), group.shard, script, &keys, &args).await;
        reply.map(|reply| reply.value).map_err(|error| error.at(&group.keys[0]))
    }
}

impl ShardBuckets {
    fn unexpected_reply(&self) -> StoreError {
        StoreError::corrupt(self.keys[0].as_str(), "a step returned an unexpected answer")
    }
}
