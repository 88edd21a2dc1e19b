//! The gate in front of the password hash: how full it is, and what it refuses.

use super::number::{Counts, Histogram, Level, REQUEST_NS};

/// Why work at the gate was not done.
pub(super) const REFUSALS: &[&str] = &["queue-full", "waited", "other"];

/// The gate so far.
#[derive(Debug)]
pub struct Hashes {
    /// Threads that work.
    pub in_flight: Level,
    /// Requests that wait for a thread, those that nobody waits for any more included.
    pub queued: Level,
    /// Requests that got none, by why.
    pub refused: Counts,
    /// What the work took, without the wait.
    pub took: Histogram,
}

impl Default for Hashes {
    fn default() -> Self {
        Self {
            in_flight: Level::default(),
            queued: Level::default(),
            refused: Counts::of(REFUSALS),
            took: Histogram::of_durations(REQUEST_NS),
        }
    }
}
