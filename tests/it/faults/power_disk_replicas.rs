//! `redis.acknowledge = "disk"` and a replica: what the replica's own disk has after a power cut of all machines, and
//! what becomes of changes when the replica keeps no file.

use std::sync::Arc;

use userd_test_support::comings_and_goings::{Comings, History};
use userd_test_support::crashed_redis::{ALWAYS, EVERYSEC, lost_nothing, position_of};
use userd_test_support::durability::{Measured, Promise, record};
use userd_test_support::fault_time::amount;
use userd_test_support::http::{Connection, sign_up};
use userd_test_support::power_loss::PowerLoss;
use userd_test_support::program::Launch;
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::server_plan::ServerPlan;

/// A primary, and a replica that was in sync before anybody came.
struct Pair {
    primary: RedisServer,
    replica: RedisServer,
}

impl Pair {
    fn start(primary: &[&str], replica: &[&str], environment: &[(String, String)]) -> Self {
        let primary = RedisServer::start_with(primary);
        let follow = format!("127.0.0.1 {}", primary.port());
        let plan = ServerPlan::keeping_accounts().with(&["--replicaof", &follow]).with(replica);
        let replica = plan.in_environment(environment).start();
        wait_for("the replica is in sync, and its new file is whole", || {
            // In this order: it is once it is in sync that it begins with the new file.
            let in_sync = replica.is_replica_in_sync();
            let file = replica.text(&["INFO", "persistence"]);
            let being_written = ["aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1"];
            in_sync && !being_written.iter().any(|words| file.contains(words))
        });
        Self { primary, replica }
    }

    /// A userd that waits for both disks.
    fn userd(&self, folder: &tempfile::TempDir, timeout_ms: &str) -> Launch {
        let launch = Launch::in_folder(folder.path()).redis(&self.primary).cheap_hashes();
        let launch = launch.set("redis.acknowledge", "disk").set("redis.replicas_min", "1");
        launch.set("redis.timeout_ms", timeout_ms)
    }

    fn can_tell(&self) -> bool {
        self.primary.try_command(&["WAITAOF", "0", "0", "1"]).is_ok()
    }
}

/// The power of primary and replica fails, and the replica is started again as the primary.
async fn both_disks_have_it(server: &[&str], clients: usize, acts: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let power = Arc::new(PowerLoss::watch(folder.path()));
    let path = folder.path().to_string_lossy().into_owned();
    let mut pair = Pair::start(server, &[server, &["--dir", &path]].concat(), &power.environment());
    let home = tempfile::tempdir().expect("a folder");
    let mut serving = pair.userd(&home, "8000").start();
    let comings = Comings::start(serving.address(), clients, &position_of(&power));
    comings.until_answered(acts).await;
    let product = pair.replica.product();
    pair.replica.kill();
    serving.kill();
    let history: History = comings.end().await;
    let images = amount(8, 60);
    let acknowledged = lost_nothing(&power, &history, server, images).await;
    let measured = Measured { trials: images, acknowledged, lost: 0, span_ms: None };
    let kept = format!("`acknowledge = \"disk\"`, `appendfsync {}`, a replica", server[1]);
    record(&kept, "power loss of both, the replica takes over", &product, Promise::Nothing, measured);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_disk_and_always_the_replicas_disk_has_everything_acknowledged() {
    both_disks_have_it(ALWAYS, 8, amount(200, 2_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_disk_and_everysec_the_replicas_disk_has_everything_acknowledged_where_userd_serves() {
    let server = RedisServer::start_with(EVERYSEC);
    if super::power_disk::refused(&server).is_none() {
        both_disks_have_it(EVERYSEC, 200, amount(200, 2_000)).await;
    }
}

/// A server with `WAITAOF` counts disks only. One without can be asked for nothing but the replica's memory.
#[tokio::test(flavor = "multi_thread")]
async fn under_disk_a_replica_without_a_file_confirms_nothing_where_the_server_can_tell() {
    let pair = Pair::start(ALWAYS, &["--appendonly", "no"], &[]);
    let home = tempfile::tempdir().expect("a folder");
    let mut serving = pair.userd(&home, "1000").start();
    let mut client = Connection::open(serving.address()).await.expect("it listens");
    let answer = client.ask(&sign_up("one@example.org")).await.expect("an answer in time");
    if pair.can_tell() {
        assert!(answer.is_polite_refusal(), "{answer:?}");
        serving.line_with("a replica without an append-only file");
    } else {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(serving.log().contains("this server has no WAITAOF"), "{}", serving.log());
    }
}
