//! What a failover loses, by `redis.acknowledge`: a real primary with two replicas and three Sentinels, under a real
//! userd. (The last column of `docs/durability.md`; how long a failover takes is not measured here.)

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use userd_core::random::SystemRandom;
use userd_store_redis::{RedisSettings, RedisStore};

use userd_test_support::churn_workload::{ChurnWorkload, JournalPosition};
use userd_test_support::durability_table::{DurabilityMeasurement, DurabilityPromise, record_measurement};
use userd_test_support::recovery::assert_no_contradictions;
use userd_test_support::redis_sentinel::SentinelGroup;
use userd_test_support::run_scale::scaled;
use userd_test_support::userd_process::UserdCommand;

const CLIENTS: usize = 8;

/// The cause of the failover.
#[derive(Debug, Clone, Copy)]
enum FailoverCause {
    Killed,
    Planned,
}

/// Runs sign-ups and deletions, makes the group fail over, runs some more, and looks for all users on the new primary.
async fn failed_over(acknowledge: &str, event: FailoverCause) -> (DurabilityMeasurement, String) {
    let mut group = SentinelGroup::start();
    let home = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(home.path()).store(&group.url()).cheap_hashes();
    let mut serving = launch.set("redis.acknowledge", acknowledge).set("redis.replicas_min", "1").start();
    let counter = Arc::new(AtomicU64::new(1));
    let position: JournalPosition = Arc::new(move || counter.fetch_add(1, Ordering::Relaxed));
    let comings = ChurnWorkload::start(serving.address(), CLIENTS, &position);
    comings.wait_until_answered(200).await;
    let (old, at) = (group.primary(), Instant::now());
    match event {
        FailoverCause::Killed => group.kill(old),
        FailoverCause::Planned => {
            group.failover();
        }
    }
    comings.wait_until_answered(comings.answered() + 100).await;
    let history = comings.end().await;
    serving.kill();
    assert_ne!(group.primary(), old, "another one is primary");
    let server = group.server(group.primary());
    let settings = RedisSettings { timeout: Duration::from_secs(20), ..server.settings() };
    let store = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("it is a primary");
    let verdict = history.check(&store, u64::MAX).await;
    let what = format!("{acknowledge}, {event:?}");
    if verdict.lost.is_empty() {
        assert_eq!(verdict.wrong, Vec::<String>::new(), "{what}");
        assert_no_contradictions(server, &what);
    }
    let since = verdict.lost_since.map(|since| at.saturating_duration_since(since));
    let loss_window_ms = since.and_then(|span| u64::try_from(span.as_millis()).ok());
    (
        DurabilityMeasurement { trials: 1, acknowledged: verdict.answered, lost: verdict.lost.len(), loss_window_ms },
        server.product(),
    )
}

async fn measured(acknowledge: &str, event: FailoverCause, words: &str, promise: DurabilityPromise) {
    let mut worst = DurabilityMeasurement { trials: 0, acknowledged: 0, lost: 0, loss_window_ms: None };
    let mut product = String::new();
    for _ in 0..scaled(1, 10) {
        let (one, server) = failed_over(acknowledge, event).await;
        product = server;
        (worst.trials, worst.acknowledged) = (worst.trials + 1, worst.acknowledged + one.acknowledged);
        if one.lost > worst.lost {
            (worst.lost, worst.loss_window_ms) = (one.lost, one.loss_window_ms);
        }
    }
    record_measurement(&format!("Sentinel, `acknowledge = \"{acknowledge}\"`"), words, &product, promise, worst);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_replicas_waited_for_a_killed_primary_takes_nothing_acknowledged_along() {
    measured("replicas", FailoverCause::Killed, "kill -9 of the primary", DurabilityPromise::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_replicas_waited_for_a_planned_failover_loses_nothing_acknowledged() {
    measured("replicas", FailoverCause::Planned, "planned failover", DurabilityPromise::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_a_killed_primary_may_take_acknowledged_changes_along() {
    measured("primary", FailoverCause::Killed, "kill -9 of the primary", DurabilityPromise::Unreplicated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_a_planned_failover_may_lose_acknowledged_changes() {
    measured("primary", FailoverCause::Planned, "planned failover", DurabilityPromise::Unreplicated).await;
}
