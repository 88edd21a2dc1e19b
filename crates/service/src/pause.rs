//! A pause after a write that failed: what is only noted (a last use) must not hold up one request after the other
//! while a store reads and does not write.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing is written after a failure: some seconds later a store is back, or is not.
const PAUSE: Duration = Duration::from_secs(5);

/// Remembers the last failure.
#[derive(Default)]
pub(super) struct Pause {
    failed_at: Mutex<Option<Instant>>,
}

impl Pause {
    /// Whether a write failed a moment ago.
    pub(super) fn lasts(&self) -> bool {
        self.failed_at().is_some_and(|failed_at| failed_at.elapsed() < PAUSE)
    }

    /// A write has just failed.
    pub(super) fn begin(&self) {
        *self.failed_at() = Some(Instant::now());
    }

    fn failed_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.failed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
