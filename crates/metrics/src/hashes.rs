//! The gate in front of the password hash: how full it is, and what it refuses.

use super::instruments::{AtomicGauge, Histogram, LabeledCounter, REQUEST_NS};

/// Why work at the gate was not done.
pub(super) const REJECTION_REASONS: &[&str] = &["queue-full", "timeout", "other"];

/// The gate so far.
#[derive(Debug)]
pub struct HashMetrics {
    /// Threads that work.
    pub in_flight: AtomicGauge,
    /// Requests that wait for a thread, those that nobody waits for any more included.
    pub queued: AtomicGauge,
    /// Requests that got none, by why.
    pub rejected: LabeledCounter,
    /// What the work took, without the wait.
    pub duration: Histogram,
}

impl Default for HashMetrics {
    fn default() -> Self {
        Self {
            in_flight: AtomicGauge::default(),
            queued: AtomicGauge::default(),
            rejected: LabeledCounter::of(REJECTION_REASONS),
            duration: Histogram::of_durations(REQUEST_NS),
        }
    }
}
