//! What every check of a batch needs to know, and the numbers that bound its work.

use std::time::Duration;

use tokio::time::Instant;

use userd_core::Timestamp;
use userd_store::CheckMode;

/// How often a suspicion is checked again. The steps of an operation follow each other within a millisecond or two;
/// what is still the same after three pauses was left behind.
pub(super) const RECHECKS: usize = 3;

/// The pause before a suspicion is checked again.
pub(super) const RECHECK_PAUSE: Duration = Duration::from_millis(20);

/// The most keys in one pipeline: larger pipelines are not faster, and need more memory.
pub(super) const PAGE: usize = 1024;

/// How many pages of keys are checked concurrently: while Redis answers for one, another is compared.
pub(super) const PAGE_CONCURRENCY: usize = 4;

/// What every check of a batch needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckContext {
    mode: CheckMode,
    began: Timestamp,
    since: Instant,
}

impl CheckContext {
    /// A batch that begins at `now`.
    pub(super) fn new(mode: CheckMode, now: Timestamp) -> Self {
        Self { mode, began: now, since: Instant::now() }
    }

    /// The present time, counted from the start of the batch: repairs that wait for disks can take minutes, and by
    /// the time of the start every newer intent would look as if a clock had jumped.
    pub(super) fn now(self) -> Timestamp {
        self.began.plus_millis(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Whether findings are repaired.
    pub(super) fn repairs(self) -> bool {
        self.mode == CheckMode::Repair
    }
}
