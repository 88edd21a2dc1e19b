//! The doctor's wiring: the store opened for `userd doctor`, and the task that makes passes while userd serves.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::wiring::{AppError, install_crypto, open_store};
use crate::config::{Config, DoctorConfig, StoreTarget};
use userd_core::clock::SystemClock;
use userd_core::random::{Random, SystemRandom};
use userd_metrics::Metrics;
use userd_service::doctor::{BrokeOff, Course, Doctor, Report};
use userd_store::{Examine, Finding, FindingState, Store, StoreError, Treatment};
use userd_store_sqlite::EmbeddedFile;

/// Makes one pass over the store that the configuration names, beside whoever serves it.
///
/// An SQLite file that is only looked at is opened for reading. To repair it this process has to be the one that
/// serves it: SQLite's locks would let a second one write, but the number of users is then no longer one writer's.
///
/// # Errors
/// If the store can't be opened, or stays away.
pub async fn examine(
    config: &Config,
    course: Course,
    watch: &(dyn Fn(&[Finding], &Report) + Send + Sync),
) -> Result<Report, ExamineError> {
    if let StoreTarget::Sqlite { path } = &config.store {
        let file = EmbeddedFile::open(path, config.sqlite.timeout).map_err(AppError::from)?;
        if course.treatment == Treatment::Report {
            return Ok(doctor(Arc::new(file)).pass(course, watch).await?);
        }
    }
    install_crypto();
    let store = open_store(config, Arc::new(SystemRandom)).await?;
    // A Redis that is away now is not waited for; one that goes away during the pass is.
    store.check().await.map_err(ExamineError::Away)?;
    let examined = doctor(Arc::<dyn Store>::clone(&store)).pass(course, watch).await;
    store.close().await;
    Ok(examined?)
}

/// Why `userd doctor` has no whole report.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] AppError),
    /// The store is not there.
    #[error("can't look at the store")]
    Away(#[source] StoreError),
    /// The pass did not get to its end.
    #[error(transparent)]
    BrokeOff(#[from] BrokeOff),
}

fn doctor(store: Arc<dyn Examine>) -> Doctor {
    Doctor::new(store, Arc::new(SystemClock))
}

/// The task that makes passes; it ends at once when this is dropped, whatever it is doing.
pub(super) struct Background(Option<JoinHandle<()>>);

impl Background {
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
        let first = first_pause(settings.pause, random);
        let doctor = doctor(Arc::<dyn Store>::clone(store));
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted when this is dropped")]
        Self(Some(tokio::spawn(make_passes(doctor, settings, first, Arc::clone(metrics)))))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Between a tenth and the whole of the pause, by chance: many userd that start together do not look together.
fn first_pause(pause: Duration, random: &dyn Random) -> Duration {
    pause / 10 + pause * 9 / 10 * u32::from(u16::from_be_bytes(random.bytes())) / u32::from(u16::MAX)
}

async fn make_passes(doctor: Doctor, settings: DoctorConfig, first: Duration, metrics: Arc<Metrics>) {
    let treatment = if settings.repair { Treatment::Repair } else { Treatment::Report };
    let course = Course { treatment, rate_per_s: settings.rate_per_s };
    tokio::time::sleep(first).await;
    let mut first_pass = true;
    loop {
        let note = |finding: &Finding| {
            metrics.found(finding.kind.word(), finding.state.word());
            log(finding);
        };
        match doctor.pass(course, &|findings, _| findings.iter().for_each(note)).await {
            Ok(report) => {
                metrics.doctor_passes.add_one("done");
                log_sum(&report, first_pass);
            }
            Err(error) => {
                metrics.doctor_passes.add_one("broke-off");
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the doctor could not look at everything; the next pass begins anew");
            }
        }
        first_pass = false;
        tokio::time::sleep(settings.pause).await;
    }
}

fn log(finding: &Finding) {
    let (kind, state) = (finding.kind.word(), finding.state.word());
    let (user, place, detail) = (finding.user.map(|id| id.to_string()), &finding.place, &finding.detail);
    match finding.state {
        FindingState::Mended => {
            tracing::warn!(kind, state, user, place, detail, "the doctor mended something");
        }
        FindingState::Mendable => {
            tracing::warn!(kind, state, user, place, detail, "the doctor found what `userd doctor --repair` mends");
        }
        FindingState::NeedsPerson => {
            tracing::error!(kind, state, user, place, detail, "the doctor found what a person has to look at");
        }
    }
}

/// Says what a pass came to: the first one always, later ones if there was something.
fn log_sum(report: &Report, always: bool) {
    let Report { users, disturbed, .. } = *report;
    let [mended, mendable, needs_person] =
        [FindingState::Mended, FindingState::Mendable, FindingState::NeedsPerson].map(|state| report.count(state));
    if disturbed {
        tracing::warn!(users, "keys moved during the doctor's pass; the next one looks again");
    }
    if always || mended + mendable + needs_person > 0 {
        tracing::info!(users, mended, mendable, needs_person, "the doctor has looked at every user");
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
        let mut pauses: Vec<Duration> = (0..50).map(|_| first_pause(pause, &random)).collect();
        assert!(pauses.iter().all(|first| (pause / 10..=pause).contains(first)), "{pauses:?}");
        pauses.sort();
        pauses.dedup();
        assert!(pauses.len() > 45);
        assert!(first_pause(Duration::from_secs(30 * 86_400), &random) >= Duration::from_secs(3 * 86_400));
    }
}
