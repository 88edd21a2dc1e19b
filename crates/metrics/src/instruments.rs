//! The numbers themselves: each can be added to by any thread at any time, without a lock.
//!
//! A reader may see one of two numbers that belong together before the other; between two looks it does not matter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nanoseconds of a second, which is what durations are shown in.
const NS_PER_S: f64 = 1e9;

/// The bounds of what a request or a hash takes, in nanoseconds: 0.25 ms to 5 s.
pub(super) const REQUEST_NS: &[u64] = &[
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];

/// The bounds of what a store takes, in nanoseconds: a read out of memory takes some microseconds.
pub(super) const STORE_NS: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
];

/// The bounds of how many changes share a commit; 128 is the most.
pub(super) const GROUP_SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// Only grows.
#[derive(Debug, Default)]
pub struct AtomicCounter(AtomicU64);

impl AtomicCounter {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct AtomicGauge(AtomicU64);

impl AtomicGauge {
    /// One more.
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// It is this now.
    pub fn set(&self, now: usize) {
        self.0.store(now as u64, Ordering::Relaxed);
    }

    /// What it is.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A count for each of some words. The last of them stands for every word that is none of them, so that no caller can
/// make up a label.
#[derive(Debug)]
pub struct LabeledCounter {
    words: &'static [&'static str],
    counts: Box<[AtomicCounter]>,
}

impl LabeledCounter {
    pub(super) fn of(words: &'static [&'static str]) -> Self {
        Self { words, counts: words.iter().map(|_| AtomicCounter::default()).collect() }
    }

    /// One more of `word`.
    pub fn add_one(&self, word: &str) {
        let place = self.words.iter().position(|known| *known == word);
        if let Some(count) = place.and_then(|place| self.counts.get(place)).or(self.counts.last()) {
            count.add_one();
        }
    }

    /// How many of `word`.
    #[must_use]
    pub fn get(&self, word: &str) -> u64 {
        self.each().find(|(known, _)| *known == word).map_or(0, |(_, count)| count)
    }

    /// Each word with its count.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.words.iter().copied().zip(self.counts.iter().map(AtomicCounter::get))
    }
}

/// How many values were how large.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond the last.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// By what a value is divided to be shown.
    per_unit: f64,
}

impl Histogram {
    /// Of durations, with these bounds in nanoseconds.
    pub(super) fn of_durations(bounds: &'static [u64]) -> Self {
        Self::new(bounds, NS_PER_S)
    }

    /// Of numbers of things.
    pub(super) fn of_sizes(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1.0)
    }

    fn new(bounds: &'static [u64], per_unit: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0), per_unit }
    }

    /// It took this long.
    pub fn observe_duration(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// There were so many.
    pub fn observe(&self, value: u64) {
        // A bound belongs to its own bucket (`le`). The first buckets are the usual ones.
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The sum of all values, as it is shown.
    #[expect(clippy::cast_precision_loss, reason = "a sum that large is not read to the nanosecond")]
    pub(super) fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / self.per_unit
    }

    /// Each bucket: its bound as it is shown, infinity for the last one, and how many values are in it alone.
    #[expect(clippy::cast_precision_loss, reason = "the bounds are small and round")]
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.per_unit).chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_what_is_beyond_all_to_the_last() {
        let histogram = Histogram::of_durations(REQUEST_NS);
        for time in [0, 250, 251, 5_000_000, 5_000_001] {
            histogram.observe_duration(Duration::from_micros(time));
        }
        let buckets = histogram.buckets();
        assert_eq!(buckets[0], (0.000_25, 2));
        assert_eq!(buckets[1], (0.000_5, 1));
        assert_eq!((buckets[13], buckets[14]), ((5.0, 1), (f64::INFINITY, 1)));
        assert_eq!(histogram.count(), 5);
        assert!((histogram.sum() - 10.000_502).abs() < 1e-9, "{}", histogram.sum());
    }

    #[test]
    fn a_word_that_nobody_knows_is_no_label() {
        let counts = LabeledCounter::of(&["a", "b", "other"]);
        for word in ["b", "ada@example.org", "b", "other"] {
            counts.add_one(word);
        }
        assert_eq!(counts.each().collect::<Vec<_>>(), [("a", 0), ("b", 2), ("other", 2)]);
    }
}
