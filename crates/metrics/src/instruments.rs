//! What records: counters and gauges, which are the library's, and a histogram that any thread records into without a
//! lock, by two atomic additions.
//!
//! The library's own histogram takes a mutex for each value. The price of having none: a reader may see a value in the
//! buckets before it is in the sum, which does not matter between two scrapes.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
pub use prometheus_client::metrics::counter::Counter;

/// A gauge that is never negative.
pub type Gauge = prometheus_client::metrics::gauge::Gauge<u64, AtomicU64>;

/// Durations are recorded in nanoseconds and shown in seconds.
const NS_PER_S: f64 = 1e9;

/// Bucket bounds for a request or a hash, in microseconds: 0.25 ms to 5 s.
const REQUEST_BOUNDS_US: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
];

/// Bucket bounds for the store, in microseconds: a read from memory takes a few microseconds.
pub(crate) const STORE_BOUNDS_US: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// Bucket bounds for the number of changes in a commit; 128 is the maximum.
pub(crate) const GROUP_SIZE_BOUNDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// The distribution of a value over fixed buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: Box<[u64]>,
    /// One for each bound, and one for values above the last.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// Divisor from the recorded unit to the exposed one.
    per_unit: f64,
}

impl Histogram {
    /// Of durations, with bounds in microseconds.
    pub(crate) fn of_durations(bounds_us: &[u64]) -> Self {
        Self::new(bounds_us.iter().map(|us| us * 1_000).collect(), NS_PER_S)
    }

    /// Of plain numbers.
    pub(crate) fn of_sizes(bounds: &[u64]) -> Self {
        Self::new(bounds.into(), 1.0)
    }

    fn new(bounds: Box<[u64]>, per_unit: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0), per_unit }
    }

    /// Records a duration.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a value.
    pub fn observe(&self, value: u64) {
        // A value equal to a bound belongs to that bucket (`le`). Most values are in the first buckets.
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum that large is not read to the nanosecond")]
    fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / self.per_unit
    }

    /// The bound of each bucket, infinity for the last, with the number of values in this bucket alone.
    #[expect(clippy::cast_precision_loss, reason = "the bounds are small and round")]
    fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.per_unit).chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))).collect()
    }
}

/// Of durations of a request or a hash.
impl Default for Histogram {
    fn default() -> Self {
        Self::of_durations(REQUEST_BOUNDS_US)
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let buckets = self.buckets();
        // Not `self.count()`: requests go on meanwhile, and the count has to be that of the buckets.
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum(), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_a_value_above_all_bounds_to_the_last() {
        let histogram = Histogram::of_durations(REQUEST_BOUNDS_US);
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
}
