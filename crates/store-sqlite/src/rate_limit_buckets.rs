//! The buckets of the throttle, in memory: one process serves a file, and what a restart forgets only fills buckets.
//!
//! Kept are only buckets that are not full, in the order in which they will be. What is full by now is forgotten with
//! the next change, so that no sweep is needed.

use std::collections::{BTreeSet, HashMap};

use userd_core::{BucketKey, RateLimitBucket, RateLimitDecision, Timestamp};

/// The most buckets that are kept: some 20 MB. Those of 100,000 networks or accounts that somebody tries within the
/// time in which they fill; beyond, those that would be full first are forgotten first, so that whoever floods the
/// memory with many fresh buckets does not empty out the one they have used up.
const BUCKETS_MAX: usize = 100_000;

/// The most full buckets that one change forgets: more than it adds, so that they never gather.
const EVICTIONS_MAX: usize = 16;

/// When each bucket that is not full will be full.
#[derive(Debug)]
pub(super) struct RateLimitBuckets {
    full_at: HashMap<BucketKey, u64>,
    by_full_at: BTreeSet<(u64, BucketKey)>,
    capacity: usize,
}

impl Default for RateLimitBuckets {
    fn default() -> Self {
        Self { full_at: HashMap::new(), by_full_at: BTreeSet::new(), capacity: BUCKETS_MAX }
    }
}

impl RateLimitBuckets {
    /// Takes one from each bucket, up to the first that is empty; then what was taken from buckets of the same account
    /// is put back.
    pub(super) fn take(&mut self, buckets: &[RateLimitBucket], now: Timestamp) -> RateLimitDecision {
        self.evict_full(now);
        let mut before = Vec::with_capacity(buckets.len());
        for (place, bucket) in buckets.iter().enumerate() {
            let full_at = self.full_at(bucket.key);
            let decision = bucket.rate.take(full_at, now.as_millis());
            // Also of a bucket that is empty: its number may have been cut because the clock was set back.
            self.set(bucket.key, decision.full_at);
            if decision.allowed {
                before.push((bucket.key, full_at));
                continue;
            }
            let account = bucket.key.account();
            let of_account = before.into_iter().rev().filter(|(key, _)| account.is_some() && key.account() == account);
            for (key, full_at) in of_account {
                self.set(key, full_at);
            }
            return RateLimitDecision::Deny { place, retry_after_ms: decision.retry_after_ms };
        }
        RateLimitDecision::Allow
    }

    /// Gives one back to each bucket.
    pub(super) fn refund(&mut self, buckets: &[RateLimitBucket], now: Timestamp) {
        for bucket in buckets {
            self.set(bucket.key, bucket.rate.refund(self.full_at(bucket.key), now.as_millis()));
        }
    }

    /// Fills each bucket.
    pub(super) fn reset(&mut self, buckets: &[RateLimitBucket]) {
        for bucket in buckets {
            self.set(bucket.key, 0);
        }
    }

    fn full_at(&self, key: BucketKey) -> u64 {
        self.full_at.get(&key).copied().unwrap_or_default()
    }

    fn set(&mut self, key: BucketKey, full_at: u64) {
        if let Some(before) = self.full_at.remove(&key) {
            self.by_full_at.remove(&(before, key));
        }
        if full_at > 0 {
            self.full_at.insert(key, full_at);
            self.by_full_at.insert((full_at, key));
        }
        if self.full_at.len() > self.capacity {
            self.evict_first();
        }
    }

    fn evict_full(&mut self, now: Timestamp) {
        for _ in 0..EVICTIONS_MAX {
            match self.by_full_at.first() {
                Some((full_at, _)) if *full_at <= now.as_millis() => self.evict_first(),
                _ => break,
            }
        }
    }

    fn evict_first(&mut self) {
        if let Some((_, key)) = self.by_full_at.pop_first() {
            self.full_at.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use userd_core::{NetworkKey, RateLimit};

    const RATE: RateLimit = RateLimit { interval_ms: 1_000, burst: 3 };

    fn network(number: u32) -> RateLimitBucket {
        let address = IpAddr::V4(Ipv4Addr::from_bits(number));
        RateLimitBucket { key: BucketKey::Network(NetworkKey::of(address)), rate: RATE }
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn sound(buckets: &RateLimitBuckets) {
        let ordered: HashMap<_, _> = buckets.by_full_at.iter().map(|(full_at, key)| (*key, *full_at)).collect();
        assert_eq!(ordered, buckets.full_at);
        assert!(buckets.full_at.len() <= buckets.capacity);
    }

    #[test]
    fn nothing_is_kept_of_full_buckets() {
        let mut buckets = RateLimitBuckets::default();
        for number in 0..100 {
            assert_eq!(buckets.take(&[network(number)], at(1_000)), RateLimitDecision::Allow);
        }
        buckets.refund(&[network(0)], at(1_000));
        buckets.reset(&[network(1)]);
        sound(&buckets);
        assert_eq!(buckets.full_at.len(), 98);
        for number in 0..100 {
            assert_eq!(buckets.take(&[network(1_000 + number)], at(10_000)), RateLimitDecision::Allow);
        }
        sound(&buckets);
        assert_eq!(buckets.full_at.len(), 100, "those of the second round only");
    }

    #[test]
    fn a_flood_of_fresh_buckets_does_not_fill_the_one_that_was_used_up() {
        let mut buckets = RateLimitBuckets { capacity: 10, ..RateLimitBuckets::default() };
        for _ in 0..3 {
            assert_eq!(buckets.take(&[network(0)], at(1_000)), RateLimitDecision::Allow);
        }
        for number in 1..1_000 {
            assert_eq!(buckets.take(&[network(number)], at(1_000)), RateLimitDecision::Allow);
            sound(&buckets);
        }
        assert!(matches!(buckets.take(&[network(0)], at(1_000)), RateLimitDecision::Deny { .. }));
    }
}
