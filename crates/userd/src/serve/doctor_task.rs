//! The consistency check that a server runs in the background.
//!
//! Not the check itself (`userd_service::doctor`), and not `userd doctor` (`cli::doctor`). Log lines have the target
//! `userd::doctor`.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::config::DoctorConfig;
use userd_core::clock::SystemClock;
use userd_core::random::Random;
use userd_metrics::{DoctorOutcome, Metrics};
use userd_service::doctor::{CheckOptions, Doctor, DoctorReport};
use userd_store::{CheckMode, Finding, FindingState, Store};

/// The target of its log lines.
const LOG_TARGET: &str = "userd::doctor";

/// Starts the task that runs checks, unless `doctor.background` is off. Dropping the set aborts the task at once, also
/// during a check.
pub(super) fn start_doctor(
    settings: DoctorConfig,
    store: &Arc<dyn Store>,
    random: &dyn Random,
    metrics: &Arc<Metrics>,
) -> JoinSet<()> {
    let mut task = JoinSet::new();
    if settings.background {
        let first = initial_delay(settings.pause, random);
        let doctor = Doctor::new(Arc::<dyn Store>::clone(store), Arc::new(SystemClock));
        task.spawn(run_checks(doctor, settings, first, Arc::clone(metrics)));
    }
    task
}

/// A random time between a tenth of the pause and all of it: processes that start together do not check together.
fn initial_delay(pause: Duration, random: &dyn Random) -> Duration {
    pause / 10 + pause * 9 / 10 * u32::from(u16::from_be_bytes(random.bytes())) / u32::from(u16::MAX)
}

async fn run_checks(doctor: Doctor, settings: DoctorConfig, first: Duration, metrics: Arc<Metrics>) {
    let mode = if settings.repair { CheckMode::Repair } else { CheckMode::Report };
    let options = CheckOptions { mode, rate_per_s: settings.rate_per_s };
    tokio::time::sleep(first).await;
    let mut first_run = true;
    loop {
        let note = |finding: &Finding| {
            metrics.findings.get(finding.state).inc(finding.kind);
            log_finding(finding);
        };
        match doctor.run(options, &|findings, _| findings.iter().for_each(note)).await {
            Ok(report) => {
                metrics.doctor_runs.inc(DoctorOutcome::Done);
                log_summary(&report, first_run);
            }
            Err(error) => {
                metrics.doctor_runs.inc(DoctorOutcome::Aborted);
                let error: &dyn std::error::Error = &error;
                tracing::warn!(target: LOG_TARGET, error, "the doctor did not finish; the next run starts again");
            }
        }
        first_run = false;
        tokio::time::sleep(settings.pause).await;
    }
}

fn log_finding(finding: &Finding) {
    let (kind, state) = (finding.kind.as_str(), finding.state.as_str());
    let (user, location, detail) = (finding.user.map(|id| id.to_string()), &finding.place, &finding.detail);
    match finding.state {
        FindingState::Repaired => {
            tracing::warn!(target: LOG_TARGET, kind, state, user, location, detail, "the doctor repaired a finding");
        }
        FindingState::Repairable => tracing::warn!(
            target: LOG_TARGET, kind, state, user, location, detail,
            "the doctor found something that `userd doctor --repair` fixes"
        ),
        FindingState::Manual => tracing::error!(
            target: LOG_TARGET, kind, state, user, location, detail,
            "the doctor found something that requires manual action"
        ),
    }
}

/// Logs the result of a run: of the first one always, of later ones if they found something.
fn log_summary(report: &DoctorReport, always: bool) {
    let DoctorReport { users, topology_changed, .. } = *report;
    let [repaired, repairable, manual] =
        [FindingState::Repaired, FindingState::Repairable, FindingState::Manual].map(|state| report.count(state));
    if topology_changed {
        tracing::warn!(target: LOG_TARGET, users, "keys moved during the doctor's run; the next run checks again");
    }
    if always || repaired + repairable + manual > 0 {
        tracing::info!(target: LOG_TARGET, users, repaired, repairable, manual, "the doctor has checked every user");
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
