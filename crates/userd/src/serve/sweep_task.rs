//! The sweep that a server runs in the background over a SQLite file: sessions whose time is over are deleted although
//! their users never return.
//!
//! Not the sweep itself (`SqliteStore::sweep_batch`). On Redis every key of a session has its own expiry. Log lines
//! have the target `userd::sweep`.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use userd_core::SessionLimits;
use userd_core::clock::{Clock, SystemClock};
use userd_metrics::Metrics;
use userd_store::StoreError;
use userd_store_sqlite::{SqliteStore, SweepPosition};

/// The target of its log lines.
const LOG_TARGET: &str = "userd::sweep";

/// The pause between two sweeps; the first is at the start. A session that has ended is rejected at once, so this only
/// bounds how long its row is kept.
const PERIOD: Duration = Duration::from_secs(600);

/// The pause between two batches, so that a sweep uses a small part of the disk: some 13,000 sessions a second are
/// looked at.
const BATCH_PAUSE: Duration = Duration::from_millis(10);

/// Starts the task that sweeps `store`. Dropping the set aborts the task at once, also during a sweep.
pub(super) fn start_sweep(
    store: Option<Arc<SqliteStore>>,
    limits: SessionLimits,
    metrics: &Arc<Metrics>,
) -> JoinSet<()> {
    let mut task = JoinSet::new();
    if let Some(store) = store {
        task.spawn(run_sweeps(store, limits, Arc::new(SystemClock), Arc::clone(metrics), PERIOD));
    }
    task
}

async fn run_sweeps(
    store: Arc<SqliteStore>,
    limits: SessionLimits,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    period: Duration,
) {
    loop {
        match sweep(&store, &limits, &*clock, &metrics).await {
            Ok(0) => {}
            Ok(sessions) => tracing::info!(target: LOG_TARGET, sessions, "sessions that had ended were deleted"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(target: LOG_TARGET, error, "the sweep did not finish; the next one starts again");
            }
        }
        tokio::time::sleep(period).await;
    }
}

/// Sweeps the whole store once; returns the number of deleted sessions.
async fn sweep(
    store: &SqliteStore,
    limits: &SessionLimits,
    clock: &dyn Clock,
    metrics: &Metrics,
) -> Result<u64, StoreError> {
    let (mut sessions, mut from) = (0, SweepPosition::START);
    loop {
        let swept = store.sweep_batch(from, limits, clock.now()).await?;
        metrics.stores.sqlite_sessions_swept.inc_by(swept.sessions);
        sessions += swept.sessions;
        let Some(next) = swept.next else { return Ok(sessions) };
        from = next;
        tokio::time::sleep(BATCH_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use userd_core::Actor;
    use userd_core::clock::ManualClock;
    use userd_store::{SessionStore as _, Store as _};
    use userd_test_support::fixtures::{NOW, new_user};
    use userd_test_support::session_fixtures::{LIMITS, actor_at, new_session};
    use userd_test_support::stores::{database_path, sqlite_settings};

    #[tokio::test]
    async fn sweeps_are_repeated_and_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(SqliteStore::open(&sqlite_settings(&database_path(&folder))).expect("a database"));
        let (clock, metrics) = (Arc::new(ManualClock::at(NOW)), Arc::new(Metrics::new(0)));
        let user = new_user(&clock, "ada@example.org");
        store.create_user(&user, Actor::anonymous()).await.expect("the store works");
        let mut task = JoinSet::new();
        let running = Arc::<ManualClock>::clone(&clock);
        let period = Duration::from_millis(1);
        task.spawn(run_sweeps(Arc::clone(&store), LIMITS, running, Arc::clone(&metrics), period));
        for round in 1..=3 {
            let session = new_session(&user, round);
            let opened = store.open_session(user.id, user.version, &session, &LIMITS, &actor_at(1), clock.now()).await;
            opened.expect("the store works");
            clock.advance_ms(LIMITS.idle_ms);
            while metrics.stores.sqlite_sessions_swept.get() < u64::from(round) {
                tokio::task::yield_now().await;
            }
            assert_eq!(store.sessions(user.id, clock.now()).await.expect("the store works").0, []);
        }
    }
}
