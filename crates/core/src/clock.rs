//! Time as an argument: the clock of the system, and with the feature `test-doubles` a manual one.
//!
//! Nothing else in userd reads the wall clock (clippy's `disallowed-methods` checks that). Safety never depends on a
//! clock, see `docs/decisions/`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Timestamp;
#[cfg(feature = "test-doubles")]
pub use crate::test_doubles::ManualClock;

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// The current time in UTC, in milliseconds.
    fn now(&self) -> Timestamp;
}

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}
