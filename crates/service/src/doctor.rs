//! The consistency check: walks a store from start to end at a limited rate and reports findings.
//!
//! The store decides what to check and how to repair it (`store::ConsistencyCheck`). This module has the rate, the
//! retries and the totals. A run can be dropped at any time without leaving partial repairs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use userd_core::clock::Clock;
use userd_store::{
    CheckBatch, CheckCursor, CheckMode, CheckReport, ConsistencyCheck, Finding, FindingKind, FindingState, StoreError,
};

/// The batch size without a rate limit; larger batches are no faster.
const BATCH_SIZE_MAX: usize = 8192;

/// Batches per second with a rate limit. Many small ones, because requests to the store wait for a batch.
const BATCHES_PER_S: u32 = 25;

/// Checks per user: the record, its claim, its entry in the listing.
const CHECKS_PER_USER: u32 = 3;

/// How often a batch is retried while the store is unavailable, and the pause between; a failover fits.
const ATTEMPTS_MAX: u32 = 20;
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The most findings in a report; further ones are only counted.
pub const FINDINGS_MAX: usize = 1000;

/// Options of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions {
    /// Report or repair.
    pub mode: CheckMode,
    /// The most users per second; 0 means no limit.
    pub rate_per_s: u32,
}

/// The result of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DoctorReport {
    /// Users checked; one that moved to another server meanwhile may be counted twice.
    pub users: u64,
    /// The store's count of users at the start.
    pub expected: Option<u64>,
    /// All records checked.
    pub records_checked: u64,
    /// The number of findings by kind and state.
    pub counts: BTreeMap<(FindingKind, FindingState), u64>,
    /// The first [`FINDINGS_MAX`] of them.
    pub findings: Vec<Finding>,
    /// Keys moved to other servers during the run, so some may have been missed.
    pub topology_changed: bool,
}

impl DoctorReport {
    /// The number of findings in this state.
    #[must_use]
    pub fn count(&self, state: FindingState) -> u64 {
        self.counts.iter().filter(|((_, of), _)| *of == state).map(|(_, count)| count).sum()
    }

    /// The number of findings that are not in [`DoctorReport::findings`].
    #[must_use]
    pub fn omitted_findings(&self) -> u64 {
        self.counts.values().sum::<u64>() - self.findings.len() as u64
    }

    fn add(&mut self, examined: &CheckReport) {
        self.users += examined.users;
        self.records_checked += examined.records_checked;
        self.expected = self.expected.or(examined.expected);
        self.topology_changed |= examined.topology_changed;
        for finding in &examined.findings {
            *self.counts.entry((finding.kind, finding.state)).or_default() += 1;
            if self.findings.len() < FINDINGS_MAX {
                self.findings.push(finding.clone());
            }
        }
    }
}

/// Why a run was aborted, and the report until then.
#[derive(Debug, thiserror::Error)]
#[error("the check was aborted after {} users", .report.users)]
pub struct CheckAborted {
    /// The store's error.
    #[source]
    pub source: StoreError,
    /// The report until then.
    pub report: DoctorReport,
}

/// Checks one store.
pub struct Doctor {
    store: Arc<dyn ConsistencyCheck>,
    clock: Arc<dyn Clock>,
}

impl Doctor {
    /// Checks `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ConsistencyCheck>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Runs once. `watch` is called after each batch with its report and the totals.
    ///
    /// # Errors
    /// [`CheckAborted`] if the store stays unavailable.
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
            report.add(&examined);
            watch(&examined.findings, &report);
            let Some(next) = examined.next else { return Ok(report) };
            portion.from = next;
            if let Some(time) = time_for(examined.records_checked, options.rate_per_s) {
                // Also if the batch had only keys of other programs.
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

/// The least time for this many checks.
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
