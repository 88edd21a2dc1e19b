//! Counting tries in Redis, by the server's clock. A bucket is a key that says when the bucket is full again and lives
//! until then; the rule is in `scripts/gcra.lua`.
//!
//! Buckets of one account lie in one shard, so one script takes from all of them or from none.

use ::redis::Value;
use async_trait::async_trait;

use super::RedisStore;
use super::keys::Shard;
use super::script::Script;
use userd_core::{Bucket, Rate, Taken, Timestamp};
use userd_store::{StoreError, Throttle};

/// A bucket takes at most so long to fill, more than a hundred thousand years in milliseconds: with more, Lua no longer
/// counts exactly.
const CAPACITY_MS_MAX: u64 = 1 << 52;

/// Buckets of one shard that follow each other in a list.
struct Group {
    shard: Shard,
    /// Where it begins in the list.
    first: usize,
    keys: Vec<String>,
    rates: Vec<Rate>,
}

#[async_trait]
impl Throttle for RedisStore {
    async fn take(&self, buckets: &[Bucket], _now: Timestamp) -> Result<Taken, StoreError> {
        for group in self.groups(buckets) {
            let rates = group.rates.iter();
            let args = rates.flat_map(|rate| [rate.interval_ms.to_string(), rate.burst.to_string()]).collect();
            let answer = self.on_buckets(&group, Script::Take, args).await?;
            let numbers = ::redis::from_redis_value::<Vec<u64>>(answer).map_err(|_| group.unknown())?;
            match numbers[..] {
                [] => {}
                [place, retry_after_ms] if usize::try_from(place).is_ok_and(|place| place < group.keys.len()) => {
                    let place = group.first + usize::try_from(place).unwrap_or(0);
                    return Ok(Taken::No { place, retry_after_ms });
                }
                _ => return Err(group.unknown()),
            }
        }
        Ok(Taken::Yes)
    }

    async fn give_back(&self, buckets: &[Bucket], _now: Timestamp) -> Result<(), StoreError> {
        for group in self.groups(buckets) {
            let args = group.rates.iter().map(|rate| rate.interval_ms.to_string()).collect();
            self.on_buckets(&group, Script::GiveBack, args).await?;
        }
        Ok(())
    }

    async fn fill(&self, buckets: &[Bucket]) -> Result<(), StoreError> {
        for group in self.groups(buckets) {
            self.on_buckets(&group, Script::Fill, Vec::new()).await?;
        }
        Ok(())
    }
}

impl RedisStore {
    fn groups(&self, buckets: &[Bucket]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (place, bucket) in buckets.iter().enumerate() {
            let (shard, key) = self.keys.throttle(bucket.key);
            let interval_ms = bucket.rate.interval_ms.clamp(1, CAPACITY_MS_MAX);
            let rate = Rate { interval_ms, burst: bucket.rate.burst.clamp(1, CAPACITY_MS_MAX / interval_ms) };
            match groups.last_mut().filter(|group| group.shard == shard) {
                Some(group) => {
                    group.keys.push(key);
                    group.rates.push(rate);
                }
                None => groups.push(Group { shard, first: place, keys: vec![key], rates: vec![rate] }),
            }
        }
        groups
    }

    async fn on_buckets(&self, group: &Group, script: Script, args: Vec<String>) -> Result<Value, StoreError> {
        let keys: Vec<&str> = group.keys.iter().map(String::as_str).collect();
        let reply = self.link.script(self.link.deadline(), group.shard, script, &keys, &args).await;
        reply.map(|reply| reply.value).map_err(|error| error.at(&group.keys[0]))
    }
}

impl Group {
    fn unknown(&self) -> StoreError {
        StoreError::corrupt(self.keys[0].as_str(), "a step answered what it never does")
    }
}
