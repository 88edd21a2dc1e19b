//! The buckets of the rate limits, in memory: one process serves a file, and a restart only refills the buckets.
//!
//! Only buckets that are not full are stored, ordered by the time at which they will be. Each charge also drops some
//! that are full by now, so that they never accumulate; the sweep drops the rest when there are no more charges.

use std::collections::{BTreeSet, HashMap};

use userd_core::{BucketKey, RateLimitBucket, RateLimitDecision, Timestamp};

/// Limit of the stored buckets, some 20 MB: those of 100,000 networks or accounts within one refill time. Beyond it,
/// the bucket that would be full first is dropped first, so that an attacker can't refill an exhausted bucket by
/// filling the memory with fresh ones.
const BUCKETS_MAX: usize = 100_000;

/// Limit of the full buckets that one charge drops: more than it adds, so that they never accumulate.
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
    /// Takes one token from each bucket, up to the first empty one; then the tokens of buckets of the same account are
    /// returned.
    pub(super) fn take(&mut self, buckets: &[RateLimitBucket], now: Timestamp) -> RateLimitDecision {
        self.evict_full(now, EVICTIONS_MAX);
        let mut before = Vec::with_capacity(buckets.len());
        for (place, bucket) in buckets.iter().enumerate() {
            let full_at = self.full_at(bucket.key);
            let decision = bucket.rate.take(full_at, now.as_millis());
            // An empty bucket is stored, too: its time may have been reduced because the clock was set back.
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

    /// Returns one token to each bucket.
    pub(super) fn refund(&mut self, buckets: &[RateLimitBucket], now: Timestamp) {
        for bucket in buckets {
            self.set(bucket.key, bucket.rate.refund(self.full_at(bucket.key), now.as_millis()));
        }
    }

    /// Refills each bucket.
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

    /// Drops buckets that are full at `now`, at most `most`; returns how many.
    pub(super) fn evict_full(&mut self, now: Timestamp, most: usize) -> usize {
        let mut evicted = 0;
        while evicted < most && self.by_full_at.first().is_some_and(|(full_at, _)| *full_at <= now.as_millis()) {
            self.evict_first();
            evicted += 1;
        }
        evicted
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

    fn assert_consistent(buckets: &RateLimitBuckets) {
        let ordered: HashMap<_, _> = buckets.by_full_at.iter().map(|(full_at, key)| (*key, *full_at)).collect();
        assert_eq!(ordered, buckets.full_at);
        assert!(buckets.full_at.len() <= buckets.capacity);
    }

    #[test]
    fn full_buckets_are_not_stored() {
        let mut buckets = RateLimitBuckets::default();
        for number in 0..100 {
            assert_eq!(buckets.take(&[network(number)], at(1_000)), RateLimitDecision::Allow);
        }
        buckets.refund(&[network(0)], at(1_000));
        buckets.reset(&[network(1)]);
        assert_consistent(&buckets);
        assert_eq!(buckets.full_at.len(), 98);
        for number in 0..100 {
            assert_eq!(buckets.take(&[network(1_000 + number)], at(10_000)), RateLimitDecision::Allow);
        }
        assert_consistent(&buckets);
        assert_eq!(buckets.full_at.len(), 100, "those of the second round only");
    }

    #[test]
    fn full_buckets_are_dropped_without_another_charge() {
        let mut buckets = RateLimitBuckets::default();
        for number in 0..100 {
            assert_eq!(buckets.take(&[network(number)], at(1_000)), RateLimitDecision::Allow);
        }
        assert_eq!(buckets.evict_full(at(1_500), 1_000), 0, "none is full yet");
        assert_eq!(buckets.evict_full(at(10_000), 60), 60, "no more than the limit");
        assert_eq!(buckets.evict_full(at(10_000), 60), 40);
        assert_consistent(&buckets);
        assert_eq!(buckets.full_at.len(), 0);
    }

    #[test]
    fn a_flood_of_fresh_buckets_does_not_refill_the_exhausted_one() {
        let mut buckets = RateLimitBuckets { capacity: 10, ..RateLimitBuckets::default() };
        for _ in 0..3 {
            assert_eq!(buckets.take(&[network(0)], at(1_000)), RateLimitDecision::Allow);
        }
        for number in 1..1_000 {
            assert_eq!(buckets.take(&[network(number)], at(1_000)), RateLimitDecision::Allow);
            assert_consistent(&buckets);
        }
        assert!(matches!(buckets.take(&[network(0)], at(1_000)), RateLimitDecision::Deny { .. }));
    }
}
