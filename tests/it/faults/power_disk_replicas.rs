//! `redis.acknowledge = "disk"` and a replica: what the replica's own disk has after a power cut of all machines, and
//! what happens to changes when the replica keeps no file.

use std::sync::Arc;

use userd_test_support::churn_workload::{ChurnHistory, ChurnWorkload};
use userd_test_support::crashed_redis::{ALWAYS, EVERYSEC, assert_no_acknowledged_loss, journal_position};
use userd_test_support::durability_table::{DurabilityMeasurement, DurabilityPromise, record_measurement};
use userd_test_support::http_client::{HttpConnection, sign_up};
use userd_test_support::power_loss::PowerLossRecorder;
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::run_scale::scaled;
use userd_test_support::server_plan::RedisServerPlan;
use userd_test_support::userd_process::UserdCommand;

/// A primary, and a replica that was in sync before the first user signed up.
struct ReplicatedPair {
    primary: RedisServer,
    replica: RedisServer,
}

impl ReplicatedPair {
    fn start(primary: &[&str], replica: &[&str], environment: &[(String, String)]) -> Self {
        let primary = RedisServer::start_with(primary);
        let follow = format!("127.0.0.1 {}", primary.port());
        let plan = RedisServerPlan::persistent().with(&["--replicaof", &follow]).with(replica);
        let replica = plan.in_environment(environment).start();
        wait_for("the replica is in sync, and its new file is whole", || {
            // In this order: only once it is in sync does it begin with the new file.
            let in_sync = replica.is_replica_in_sync();
            let file = replica.text(&["INFO", "persistence"]);
            let being_written = ["aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1"];
            in_sync && !being_written.iter().any(|words| file.contains(words))
        });
        Self { primary, replica }
    }

    /// A userd that waits for both disks.
    fn userd(&self, folder: &tempfile::TempDir, timeout_ms: &str) -> UserdCommand {
        let launch = UserdCommand::in_folder(folder.path()).redis(&self.primary).cheap_hashes();
        let launch = launch.set("redis.acknowledge", "disk").set("redis.replicas_min", "1");
        launch.set("redis.timeout_ms", timeout_ms)
    }

    fn supports_waitaof(&self) -> bool {
        self.primary.try_command(&["WAITAOF", "0", "0", "1"]).is_ok()
    }
}

/// The power of primary and replica fails, and the replica is started again as the primary.
async fn assert_both_disks_keep_writes(server: &[&str], clients: usize, acts: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let power = Arc::new(PowerLossRecorder::watch(folder.path()));
    let path = folder.path().to_string_lossy().into_owned();
    let mut pair = ReplicatedPair::start(server, &[server, &["--dir", &path]].concat(), &power.environment());
    let home = tempfile::tempdir().expect("a folder");
    let mut serving = pair.userd(&home, "8000").start();
    let comings = ChurnWorkload::start(serving.address(), clients, &journal_position(&power));
    comings.wait_until_answered(acts).await;
    let product = pair.replica.product();
    pair.replica.kill();
    serving.kill();
    let history: ChurnHistory = comings.end().await;
    let images = scaled(8, 60);
    let acknowledged = assert_no_acknowledged_loss(&power, &history, server, images).await;
    let measured = DurabilityMeasurement { trials: images, acknowledged, lost: 0, loss_window_ms: None };
    let kept = format!("`acknowledge = \"disk\"`, `appendfsync {}`, a replica", server[1]);
    record_measurement(
        &kept,
        "power loss of both, the replica takes over",
        &product,
        DurabilityPromise::Nothing,
        measured,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn under_disk_and_always_the_replicas_disk_has_everything_acknowledged() {
    assert_both_disks_keep_writes(ALWAYS, 8, scaled(200, 2_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_disk_and_everysec_the_replicas_disk_has_everything_acknowledged_where_userd_serves() {
    let server = RedisServer::start_with(EVERYSEC);
    if super::power_disk::refused(&server).is_none() {
        assert_both_disks_keep_writes(EVERYSEC, 200, scaled(200, 2_000)).await;
    }
}

/// A server with `WAITAOF` counts disks only. One without can confirm nothing but the replica's memory.
#[tokio::test(flavor = "multi_thread")]
async fn under_disk_a_replica_without_a_file_confirms_nothing_where_the_server_can_tell() {
    let pair = ReplicatedPair::start(ALWAYS, &["--appendonly", "no"], &[]);
    let home = tempfile::tempdir().expect("a folder");
    let mut serving = pair.userd(&home, "1000").start();
    let mut client = HttpConnection::open(serving.address()).await.expect("it listens");
    let answer = client.fetch(&sign_up("one@example.org")).await.expect("an answer in time");
    if pair.supports_waitaof() {
        assert!(answer.is_retryable_503(), "{answer:?}");
        serving.wait_for_log_line("a replica without an append-only file");
    } else {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(serving.log().contains("this server has no WAITAOF"), "{}", serving.log());
    }
}
