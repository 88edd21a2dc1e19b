//! What `redis.acknowledge = "disk"` loses in a power cut, on a server that reports when its file is flushed; and that
//! userd serves from no other. The server's report is tested without userd, too.
//!
//! Replicas are in `power_disk_replicas`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use userd_test_support::crashed_redis::{
    ALWAYS, CrashTrial, EVERYSEC, before_fsyncs, is_aof_record, journal_offset_after, loss_window_ms, start_redis_on,
};
use userd_test_support::durability_table::{DurabilityMeasurement, DurabilityPromise, record_measurement};
use userd_test_support::power_journal::{FileOperation, SurvivingWrites};
use userd_test_support::power_loss::PowerLossRecorder;
use userd_test_support::redis_server::{RedisServer, command, wait_for};
use userd_test_support::run_scale::scaled;
use userd_test_support::userd_process::UserdCommand;

/// A sign-up waits for four or five flushes of a second, and no replica is there to be waited for.
const DISK: &[(&str, &str)] =
    &[("redis.acknowledge", "disk"), ("redis.timeout_ms", "8000"), ("redis.replicas_min", "0")];

/// How long a raw client waits for a flush.
const FLUSH_LIMIT_MS: &str = "10000";

/// The error of userd for a server that cannot report flushes.
const CANNOT_REPORT: &str = "needs appendfsync always, or a server with WAITAOF (Redis 7.2 or newer)";

/// The error for a server that reports them too early.
const TOO_EARLY: &str = "answers WAITAOF before its file is flushed";

#[tokio::test(flavor = "multi_thread")]
async fn under_disk_and_appendfsync_always_a_power_cut_loses_nothing_acknowledged() {
    let crashed = CrashTrial { settings: DISK, both: true, ..CrashTrial::on(ALWAYS, scaled(100, 1_000)) }.run().await;
    let images = scaled(12, 100);
    let acknowledged = crashed.assert_loses_nothing(ALWAYS, images).await;
    let measured = DurabilityMeasurement { trials: images, acknowledged, lost: 0, loss_window_ms: None };
    let kept = "`acknowledge = \"disk\"`, `appendfsync always`";
    record_measurement(kept, "power loss", &crashed.product, DurabilityPromise::Nothing, measured);
}

/// On a server that cannot report flushes, or reports them too early, there is nothing to test: userd refuses it.
#[tokio::test(flavor = "multi_thread")]
async fn under_disk_and_everysec_a_power_cut_loses_nothing_acknowledged_or_userd_refuses_the_server() {
    let server = RedisServer::start_with(EVERYSEC);
    let answer = server.try_command(&["WAITAOF", "0", "0", "1"]);
    if let Some(log) = refused(&server) {
        let sentence = if answer.is_err() { CANNOT_REPORT } else { TOO_EARLY };
        assert!(log.contains(sentence), "{log}");
        return;
    }
    assert!(answer.is_ok(), "userd serves from a server that cannot report flushes: {answer:?}");
    // All of them share the flushes.
    let crowd = CrashTrial { settings: DISK, both: true, clients: 200, ..CrashTrial::on(EVERYSEC, scaled(100, 1_000)) };
    let (crashed, images) = (crowd.run().await, scaled(8, 100));
    let acknowledged = crashed.assert_loses_nothing(EVERYSEC, images).await;
    let measured = DurabilityMeasurement { trials: images, acknowledged, lost: 0, loss_window_ms: None };
    let kept = "`acknowledge = \"disk\"`, `appendfsync everysec`";
    record_measurement(kept, "power loss", &crashed.product, DurabilityPromise::Nothing, measured);
}

/// The log of a userd that does not start on this server; none if it does.
pub fn refused(server: &RedisServer) -> Option<String> {
    let home = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(home.path()).redis(server).cheap_hashes();
    let mut userd = DISK.iter().fold(launch, |launch, (key, value)| launch.set(key, value)).spawn();
    let (mut code, mut listens) = (None, false);
    wait_for("userd serves or ends", || {
        code = userd.try_exit_code();
        listens = userd.log().contains(" serves on http://");
        listens || code.is_some()
    });
    if listens {
        return None;
    }
    assert_ne!(code, Some(0), "a refused start ends with an error");
    Some(userd.log())
}

/// Clients without userd write and rely on the answer of `WAITAOF`. A server that loses what it confirmed is refused by
/// userd, and every other is served from.
#[test]
fn userd_refuses_exactly_the_servers_that_lose_what_waitaof_confirmed() {
    let folder = tempfile::tempdir().expect("a folder");
    let power = Arc::new(PowerLossRecorder::watch(folder.path()));
    let path = folder.path().to_string_lossy().into_owned();
    let mut server = RedisServer::start_with_environment(&power.environment(), &[&["--dir", &path], EVERYSEC].concat());
    let refusal = refused(&server);
    if server.try_command(&["WAITAOF", "0", "0", "1"]).is_err() {
        assert!(refusal.is_some_and(|log| log.contains(CANNOT_REPORT)), "it confirms nothing, and userd serves");
        return;
    }
    let product = server.product();
    let confirmed = confirmed_writes(&server, &power);
    server.kill();
    let records = power.records();
    let mut worst = DurabilityMeasurement { trials: 0, acknowledged: 0, lost: 0, loss_window_ms: None };
    for place in before_fsyncs(&records).into_iter().rev().take(scaled(4, 20)) {
        let (image, cut) =
            (power.cut_power(&records, place, SurvivingWrites::Nothing, 0), journal_offset_after(&records, place));
        let left = start_redis_on(image.path(), EVERYSEC);
        let there: BTreeSet<String> = left.texts(&["KEYS", "raw-*"]).into_iter().collect();
        let before_cut: Vec<_> = confirmed.iter().filter(|(_, confirmed)| *confirmed <= cut).collect();
        let lost: Vec<u64> =
            before_cut.iter().filter(|(key, _)| !there.contains(key)).map(|(_, confirmed)| *confirmed).collect();
        worst.trials += 1;
        worst.acknowledged += before_cut.len();
        if lost.len() > worst.lost {
            (worst.lost, worst.loss_window_ms) = (lost.len(), loss_window_ms(&records[..place], &lost));
        }
    }
    let kept = "no userd, `WAITAOF` believed, `appendfsync everysec`";
    let promise = if worst.lost == 0 { DurabilityPromise::Nothing } else { DurabilityPromise::LastSecond };
    record_measurement(kept, "power loss", &product, promise, worst);
    match refusal {
        Some(log) => assert!(worst.lost > 0 && log.contains(TOO_EARLY), "{product} loses nothing: {worst:?} {log}"),
        None => assert_eq!(worst.lost, 0, "{product} loses what it confirmed, and userd serves from it"),
    }
}

/// Lets clients write, each waiting for its flush, until the log was synced three more times; what was confirmed,
/// and where the journal was then.
fn confirmed_writes(server: &RedisServer, power: &PowerLossRecorder) -> Vec<(String, u64)> {
    let syncs = || {
        let ended = |record: &&_| is_aof_record(record) && matches!(record.act, FileOperation::SyncEnds { .. });
        power.records().iter().filter(ended).count()
    };
    let (enough, stop) = (syncs() + 3, AtomicBool::new(false));
    let write = |client: usize| {
        let mut connection = server.connection().expect("it answers");
        let mut confirmed = Vec::new();
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let key = format!("raw-{client}-{number}");
            command(&["SET", &key, "1"]).query::<()>(&mut connection).expect("it takes writes");
            let waited = command(&["WAITAOF", "1", "0", FLUSH_LIMIT_MS]).query::<(u64, u64)>(&mut connection);
            if waited.expect("it waits").0 == 1 {
                confirmed.push((key, power.position()));
            }
        }
        confirmed
    };
    thread::scope(|scope| {
        let write = &write;
        let clients: Vec<_> = (0..8).map(|client| scope.spawn(move || write(client))).collect();
        wait_for("the log is synced", || syncs() >= enough);
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("it writes to its end")).collect()
    })
}
