//! A pause after a write that failed: what is only noted (a last use) must not hold up one request after the other
//! while a store reads and does not write.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing is written after a failure: some seconds later a store is back, or is not.
const COOLDOWN: Duration = Duration::from_secs(5);

/// Remembers the last failure.
#[derive(Default)]
pub(super) struct WriteCooldown {
    failed_at: Mutex<Option<Instant>>,
}

impl WriteCooldown {
    /// Whether a write failed a moment ago.
    pub(super) fn is_active(&self) -> bool {
        self.failed_at().is_some_and(|failed_at| failed_at.elapsed() < COOLDOWN)
    }

    /// A write has just failed.
    pub(super) fn start(&self) {
        *self.failed_at() = Some(Instant::now());
    }

    fn failed_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.failed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
