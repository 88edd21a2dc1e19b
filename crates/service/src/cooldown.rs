//! A back-off for writes that can be skipped (a last use): while a store can be read but not written, they must not
//! delay requests.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long writes are skipped after a failure.
const COOLDOWN: Duration = Duration::from_secs(5);

/// Remembers the last failure.
#[derive(Default)]
pub(super) struct WriteCooldown {
    failed_at: Mutex<Option<Instant>>,
}

impl WriteCooldown {
    /// Whether a write failed recently.
    pub(super) fn is_active(&self) -> bool {
        self.failed_at().is_some_and(|failed_at| failed_at.elapsed() < COOLDOWN)
    }

    /// Records a failure.
    pub(super) fn start(&self) {
        *self.failed_at() = Some(Instant::now());
    }

    fn failed_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.failed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
