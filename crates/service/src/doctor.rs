//! The doctor: walks a store from its beginning to its end, at a pace, and says what it found.
//!
//! What is looked at and how it is mended is the store's business (`store::ConsistencyCheck`); here are the pace, the
//! patience with a store that is away for a moment, and the sum. A pass that is dropped leaves nothing half done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use userd_core::clock::Clock;
use userd_store::{
    CheckBatch, CheckCursor, CheckMode, CheckReport, ConsistencyCheck, Finding, FindingKind, FindingState, StoreError,
};

/// Portions of a pass without a limit: larger ones are no quicker.
const BATCH_SIZE_MAX: usize = 8192;

/// Portions a second of a pass with a limit. Many small ones, because whoever asks the store behind a portion waits
/// for it.
const BATCHES_PER_S: u32 = 25;

/// A user is looked at three times: the record, its claim, its entry in the listing.
const CHECKS_PER_USER: u32 = 3;

/// How often a portion is tried while the store is away, and the pause between: a failover fits in between.
const ATTEMPTS_MAX: u32 = 20;
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Findings kept word by word in a report; what is beyond is counted.
pub const FINDINGS_MAX: usize = 1000;

/// How a pass is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions {
    /// What to do about what is found.
    pub mode: CheckMode,
    /// The most users a second; 0 is no limit.
    pub rate_per_s: u32,
}

/// What a pass came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DoctorReport {
    /// Active users seen; one who moved between servers meanwhile may be seen twice.
    pub users: u64,
    /// How many the store counted at the beginning.
    pub expected: Option<u64>,
    /// Everything looked at.
    pub records_checked: u64,
    /// How many findings there are of each kind and state.
    pub counts: BTreeMap<(FindingKind, FindingState), u64>,
    /// The first [`FINDINGS_MAX`] of them.
    pub findings: Vec<Finding>,
    /// Keys changed their servers during the pass: some may not have been met.
    pub topology_changed: bool,
}

impl DoctorReport {
    /// How many findings are in this state.
    #[must_use]
    pub fn count(&self, state: FindingState) -> u64 {
        self.counts.iter().filter(|((_, of), _)| *of == state).map(|(_, count)| count).sum()
    }

    /// How many findings are not in [`DoctorReport::findings`].
    #[must_use]
    pub fn omitted_findings(&self) -> u64 {
        self.counts.values().sum::<u64>() - self.findings.len() as u64
    }

    fn add(&mut self, examined: CheckReport) {
        self.users += examined.users;
        self.records_checked += examined.records_checked;
        self.expected = self.expected.or(examined.expected);
        self.topology_changed |= examined.topology_changed;
        for finding in examined.findings {
            *self.counts.entry((finding.kind, finding.state)).or_default() += 1;
            if self.findings.len() < FINDINGS_MAX {
                self.findings.push(finding);
            }
        }
    }
}

/// Why a pass did not get to its end, and how far it got.
#[derive(Debug, thiserror::Error)]
#[error("the pass broke off after {} users", .report.users)]
pub struct CheckAborted {
    /// What the store said.
    #[source]
    pub source: StoreError,
    /// What was found before.
    pub report: DoctorReport,
}

/// Makes passes over one store.
pub struct Doctor {
    store: Arc<dyn ConsistencyCheck>,
    clock: Arc<dyn Clock>,
}

impl Doctor {
    /// A doctor for `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ConsistencyCheck>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Makes one pass. `watch` hears of every portion: what it found, and the sum so far.
    ///
    /// # Errors
    /// [`CheckAborted`] if the store stays away.
    pub async fn run(
        &self,
        options: CheckOptions,
        watch: &(dyn Fn(&[Finding], &DoctorReport) + Send + Sync),
    ) -> Result<DoctorReport, CheckAborted> {
        let mut report = DoctorReport::default();
        let mut portion = CheckBatch { from: CheckCursor::start(), size: size(options.rate_per_s), mode: options.mode };
        loop {
            let began = Instant::now();
            let examined = match self.check_batch(&portion).await {
                Ok(examined) => examined,
                Err(source) => return Err(CheckAborted { source, report }),
            };
            let (next, records_checked, found) =
                (examined.next.clone(), examined.records_checked, examined.findings.clone());
            report.add(examined);
            watch(&found, &report);
            let Some(next) = next else { return Ok(report) };
            portion.from = next;
            if let Some(time) = time_for(records_checked, options.rate_per_s) {
                // Also where nothing but other programs' keys was met.
                tokio::time::sleep_until(began + time.max(Duration::from_secs(1) / BATCHES_PER_S)).await;
            }
        }
    }

    async fn check_batch(&self, portion: &CheckBatch) -> Result<CheckReport, StoreError> {
        let mut attempts = 1;
        loop {
            match self.store.check_batch(portion, self.clock.now()).await {
                Err(StoreError::Unavailable(_)) if attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                answer => return answer,
            }
        }
    }
}

fn size(rate_per_s: u32) -> usize {
    match rate_per_s {
        0 => BATCH_SIZE_MAX,
        rate => usize::try_from(rate.saturating_mul(CHECKS_PER_USER) / BATCHES_PER_S)
            .unwrap_or(BATCH_SIZE_MAX)
            .clamp(1, BATCH_SIZE_MAX),
    }
}

/// How long so much may take at least.
fn time_for(records_checked: u64, rate_per_s: u32) -> Option<Duration> {
    (rate_per_s > 0).then(|| {
        let checks_per_s = u64::from(rate_per_s) * u64::from(CHECKS_PER_USER);
        Duration::from_nanos(records_checked.saturating_mul(1_000_000_000) / checks_per_s)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_makes_small_portions_and_time_between_them() {
        assert_eq!((size(0), size(1), size(1000), size(u32::MAX)), (BATCH_SIZE_MAX, 1, 120, BATCH_SIZE_MAX));
        assert_eq!(time_for(3000, 0), None);
        assert_eq!(time_for(3000, 1000), Some(Duration::from_secs(1)));
        assert_eq!(time_for(u64::MAX, 1).map(|time| time > Duration::from_secs(1)), Some(true));
    }
}
