//! The doctor's wiring: the store opened for `userd doctor`, and the task that makes passes while userd serves.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::serve::{AppError, install_crypto_provider, open_store};
use crate::config::{Config, DoctorConfig, StoreTarget};
use userd_core::clock::SystemClock;
use userd_core::random::{Random, SystemRandom};
use userd_metrics::{DoctorOutcome, Metrics};
use userd_service::doctor::{CheckAborted, CheckOptions, Doctor, DoctorReport};
use userd_store::{CheckMode, ConsistencyCheck, Finding, FindingState, Store, StoreError};
use userd_store_sqlite::ReadOnlyDatabase;

/// Makes one pass over the store that the configuration names, beside whoever serves it.
///
/// An SQLite file that is only looked at is opened for reading. To repair it this process has to be the one that
/// serves it: SQLite's locks would let a second one write, but the number of users is then no longer one writer's.
///
/// # Errors
/// If the store can't be opened, or stays away.
pub async fn check_store(
    config: &Config,
    options: CheckOptions,
    watch: &(dyn Fn(&[Finding], &DoctorReport) + Send + Sync),
) -> Result<DoctorReport, DoctorError> {
    if let StoreTarget::Sqlite { path } = &config.store {
        let file = ReadOnlyDatabase::open(path, config.sqlite.timeout).map_err(AppError::from)?;
        if options.mode == CheckMode::Report {
            return Ok(doctor(Arc::new(file)).run(options, watch).await?);
        }
    }
    install_crypto_provider();
    let store = open_store(config, Arc::new(SystemRandom)).await?;
    // A Redis that is away now is not waited for; one that goes away during the pass is.
    store.check_health().await.map_err(DoctorError::Unavailable)?;
    let outcome = doctor(Arc::<dyn Store>::clone(&store)).run(options, watch).await;
    store.close().await;
    Ok(outcome?)
}

/// Why `userd doctor` has no whole report.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] AppError),
    /// The store is not there.
    #[error("can't look at the store")]
    Unavailable(#[source] StoreError),
    /// The pass did not get to its end.
    #[error(transparent)]
    CheckAborted(#[from] CheckAborted),
}

fn doctor(store: Arc<dyn ConsistencyCheck>) -> Doctor {
    Doctor::new(store, Arc::new(SystemClock))
}

/// The task that makes passes; it ends at once when this is dropped, whatever it is doing.
pub(super) struct DoctorTask(Option<JoinHandle<()>>);

impl DoctorTask {
    /// Begins, if the configuration says so.
    pub(super) fn start(
        settings: DoctorConfig,
        store: &Arc<dyn Store>,
        random: &dyn Random,
        metrics: &Arc<Metrics>,
    ) -> Self {
        if !settings.background {
            return Self(None);
        }
        let first = initial_delay(settings.pause, random);
        let doctor = doctor(Arc::<dyn Store>::clone(store));
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when this is dropped")]
        Self(Some(tokio::spawn(run_checks(doctor, settings, first, Arc::clone(metrics)))))
    }
}

impl Drop for DoctorTask {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Between a tenth and the whole of the pause, by chance: many userd that start together do not look together.
fn initial_delay(pause: Duration, random: &dyn Random) -> Duration {
    pause / 10 + pause * 9 / 10 * u32::from(u16::from_be_bytes(random.bytes())) / u32::from(u16::MAX)
}

async fn run_checks(doctor: Doctor, settings: DoctorConfig, first: Duration, metrics: Arc<Metrics>) {
    let mode = if settings.repair { CheckMode::Repair } else { CheckMode::Report };
    let options = CheckOptions { mode, rate_per_s: settings.rate_per_s };
    tokio::time::sleep(first).await;
    let mut first_pass = true;
    loop {
        let note = |finding: &Finding| {
            metrics.findings.get(finding.state).inc(finding.kind);
            log_finding(finding);
        };
        match doctor.run(options, &|findings, _| findings.iter().for_each(note)).await {
            Ok(report) => {
                metrics.doctor_runs.inc(DoctorOutcome::Done);
                log_summary(&report, first_pass);
            }
            Err(error) => {
                metrics.doctor_runs.inc(DoctorOutcome::Aborted);
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the doctor could not look at everything; the next pass begins anew");
            }
        }
        first_pass = false;
        tokio::time::sleep(settings.pause).await;
    }
}

fn log_finding(finding: &Finding) {
    let (kind, state) = (finding.kind.as_str(), finding.state.as_str());
    let (user, location, detail) = (finding.user.map(|id| id.to_string()), &finding.place, &finding.detail);
    match finding.state {
        FindingState::Repaired => {
            tracing::warn!(kind, state, user, location, detail, "the doctor mended something");
        }
        FindingState::Repairable => {
            tracing::warn!(kind, state, user, location, detail, "the doctor found what `userd doctor --repair` mends");
        }
        FindingState::Manual => {
            tracing::error!(kind, state, user, location, detail, "the doctor found what a person has to look at");
        }
    }
}

/// Says what a pass came to: the first one always, later ones if there was something.
fn log_summary(report: &DoctorReport, always: bool) {
    let DoctorReport { users, topology_changed, .. } = *report;
    let [repaired, repairable, manual] =
        [FindingState::Repaired, FindingState::Repairable, FindingState::Manual].map(|state| report.count(state));
    if topology_changed {
        tracing::warn!(users, "keys moved during the doctor's pass; the next one looks again");
    }
    if always || repaired + repairable + manual > 0 {
        tracing::info!(users, repaired, repairable, manual, "the doctor has looked at every user");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use userd_core::random::SeededRandom;

    #[test]
    fn many_that_start_together_begin_at_different_moments_within_the_pause() {
        let pause = Duration::from_secs(3600);
        let random = SeededRandom::from_seed(3);
        let mut pauses: Vec<Duration> = (0..50).map(|_| initial_delay(pause, &random)).collect();
        assert!(pauses.iter().all(|first| (pause / 10..=pause).contains(first)), "{pauses:?}");
        pauses.sort();
        pauses.dedup();
        assert!(pauses.len() > 45);
        assert!(initial_delay(Duration::from_secs(30 * 86_400), &random) >= Duration::from_secs(3 * 86_400));
    }
}
