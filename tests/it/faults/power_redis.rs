//! Power cuts and kills of a real Redis under a real userd, for each way of keeping data. (Row 8 of the fault
//! table.) The simulator is checked in `power_loss`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use userd::random::SeededRandom;

use crate::support::comings_and_goings::{Comings, History, Position, Verdict};
use crate::support::durability::{Measured, Promise, record};
use crate::support::fault_time::amount;
use crate::support::power_journal::{Act, Keep, Record};
use crate::support::power_loss::{PowerLoss, places};
use crate::support::program::Launch;
use crate::support::recovery::{assert_no_contradictions, patient_store};
use crate::support::redis_server::RedisServer;

const CLIENTS: usize = 8;

const ALWAYS: &[&str] = &["--appendfsync", "always"];
const EVERYSEC: &[&str] = &["--appendfsync", "everysec"];
/// Snapshots only when the test takes one.
const SNAPSHOTS: &[&str] = &["--appendonly", "no", "--save", "86400 1"];

/// People have come and gone on a Redis, which then was killed.
struct Crashed {
    folder: TempDir,
    power: Arc<PowerLoss>,
    history: History,
    /// What userd said when it started.
    log: String,
    /// Where the journal was when the snapshot began.
    snapshot: u64,
    killed_at: Instant,
}

impl Crashed {
    /// How long before the kill the oldest of what was lost had been answered.
    fn span_ms(&self, verdict: &Verdict) -> Option<u64> {
        let span = self.killed_at.saturating_duration_since(verdict.lost_since?);
        u64::try_from(span.as_millis()).ok()
    }
}

/// Lets `acts` be answered, takes a snapshot if `snapshot`, lets as many again be answered, and kills Redis.
async fn crashed(arguments: &[&str], acts: usize, snapshot: bool, sync_ms: u32) -> Crashed {
    let folder = tempfile::tempdir().expect("a folder");
    let power = Arc::new(PowerLoss::watch(folder.path()));
    let mut environment = power.environment();
    environment.push(("POWER_LOSS_SYNC_MS".to_owned(), sync_ms.to_string()));
    let path = folder.path().to_string_lossy().into_owned();
    let mut server = RedisServer::start_in(&environment, &[&["--dir", &path], arguments].concat());
    let home = tempfile::tempdir().expect("a folder");
    let mut serving = Launch::in_folder(home.path()).redis(&server).cheap_hashes().start();
    let position: Position = {
        let power = Arc::clone(&power);
        Arc::new(move || power.position())
    };
    let comings = Comings::start(serving.address(), CLIENTS, &position);
    comings.until_answered(acts).await;
    let mut at = 0;
    if snapshot {
        at = power.position();
        server.command(&["SAVE"]);
    }
    comings.until_answered(2 * acts).await;
    if sync_ms > 0 {
        // In the midst of a sync, with time for some answers.
        while !within_a_sync(&power.records()) {
            tokio::task::yield_now().await;
        }
        comings.until_answered(comings.answered() + 50).await;
    }
    let killed_at = Instant::now();
    server.kill();
    let history = comings.end().await;
    serving.kill();
    Crashed { folder, power, history, log: serving.log(), snapshot: at, killed_at }
}

fn of_log(record: &Record) -> bool {
    record.path.to_string_lossy().ends_with(".incr.aof")
}

/// Whether the last sync of the log that began has not ended.
fn within_a_sync(records: &[Record]) -> bool {
    let syncs = records.iter().filter(|record| of_log(record));
    let last = syncs.rev().find(|record| matches!(record.act, Act::SyncBegins { .. } | Act::SyncEnds { .. }));
    last.is_some_and(|record| matches!(record.act, Act::SyncBegins { .. }))
}

/// Starts a Redis on what is left, and compares it with what was acknowledged until `cut`.
async fn judged(folder: &Path, arguments: &[&str], history: &History, cut: u64, what: &str) -> Verdict {
    let path = folder.to_string_lossy().into_owned();
    let server = RedisServer::start_with(&[&["--dir", &path], arguments].concat());
    let store = patient_store(server.settings()).await;
    let verdict = history.judge(&store, cut).await;
    assert_no_contradictions(&server, what);
    assert_eq!(verdict.wrong, Vec::<String>::new(), "{what}");
    verdict
}

/// Redis does not start on an append-only file with a hole in it, which is good; an operator then cuts the file at
/// the hole, as Redis's manual says. Whether that was needed.
fn mended(folder: &Path) -> bool {
    let manifest = folder.join("appendonlydir").join("appendonly.aof.manifest");
    if !manifest.exists() || check(&manifest, &[]) {
        return false;
    }
    assert!(check(&manifest, &["--fix"]), "redis-check-aof mends it");
    true
}

fn check(manifest: &Path, flags: &[&str]) -> bool {
    let child = Command::new("redis-check-aof")
        .args(flags)
        .arg(manifest)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!("redis-check-aof can't be started ({error}): install it with `apt-get install redis-server`")
    });
    // It asks before it cuts; without `--fix` it reads nothing and may have ended.
    let _ = child.stdin.take().expect("a pipe").write_all(b"y\n");
    child.wait().expect("it ends").success()
}

fn end_of(records: &[Record], acts: usize) -> u64 {
    acts.checked_sub(1).map_or(0, |last| records[last].end)
}

/// How long before the end of `records` the oldest of `lost` was answered.
fn span_ms(records: &[Record], lost: &[u64]) -> Option<u64> {
    let oldest = lost.iter().min()?;
    let answered = records.iter().find(|record| record.end >= *oldest)?;
    Some((records.last()?.nanos - answered.nanos) / 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_under_appendfsync_always_loses_nothing_acknowledged() {
    let crashed = crashed(ALWAYS, amount(100, 1_000), false, 0).await;
    assert!(!crashed.log.contains("what was acknowledged in the last second"), "{}", crashed.log);
    let records = crashed.power.records();
    let (images, random) = (amount(15, 100), SeededRandom::from_seed(8));
    let (mut acknowledged, mut with_holes) = (0, 0);
    for (number, place) in places(records.len(), images, &random).into_iter().enumerate() {
        let (keep, cut) = (Keep::ALL[number % Keep::ALL.len()], end_of(&records, place));
        let what = format!("image {number}: {keep:?} after act {place} of {}", records.len());
        let image = crashed.power.cut(&records, place, keep, number as u64);
        with_holes += usize::from(mended(image.path()));
        let verdict = judged(image.path(), ALWAYS, &crashed.history, cut, &what).await;
        assert_eq!(verdict.lost, Vec::<u64>::new(), "{what}");
        acknowledged += verdict.answered;
    }
    assert!(with_holes < images, "every image had a hole");
    let measured = Measured { trials: images, acknowledged, lost: 0, span_ms: None };
    record("Redis, `appendfsync always`", "power loss", Promise::Nothing, measured);
}

/// Cut just before a sync begins that is longest after the one before, everything that no sync covers is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_under_appendfsync_everysec_loses_what_was_not_synced_and_userd_has_warned() {
    let crashed = crashed(EVERYSEC, amount(600, 5_000), false, 0).await;
    assert!(crashed.log.contains("appendfsync"), "userd warns at its start: {}", crashed.log);
    let records = crashed.power.records();
    let begins: Vec<usize> = (0..records.len())
        .filter(|&place| of_log(&records[place]) && matches!(records[place].act, Act::SyncBegins { .. }))
        .chain([records.len()])
        .collect();
    let mut worst = Measured { trials: 0, acknowledged: 0, lost: 0, span_ms: None };
    for &place in begins.iter().rev().take(amount(4, 40)) {
        let cut = end_of(&records, place);
        let image = crashed.power.cut(&records, place, Keep::Nothing, 0);
        let what = format!("cut before the sync at act {place}");
        let verdict = judged(image.path(), EVERYSEC, &crashed.history, cut, &what).await;
        let covered = covered_by_a_sync(&records[..place]);
        assert!(verdict.lost.iter().all(|&answered| answered >= covered), "{what}: what was synced is there");
        worst.trials += 1;
        worst.acknowledged += verdict.answered;
        if verdict.lost.len() > worst.lost {
            worst.lost = verdict.lost.len();
            worst.span_ms = span_ms(&records[..place], &verdict.lost);
        }
    }
    assert!(worst.lost > 0, "a cut before a sync loses something, or the simulator does not cut");
    record("Redis, `appendfsync everysec`", "power loss", Promise::LastSecond, worst);
}

/// Where the last write to the log began that a sync had made safe: what was answered before it is in it or in
/// earlier ones.
fn covered_by_a_sync(records: &[Record]) -> u64 {
    let ended = records.iter().rev().find_map(|record| match record.act {
        Act::SyncEnds { number } if of_log(record) => Some(number),
        _ => None,
    });
    let Some(ended) = ended else { return 0 };
    let begun = records
        .iter()
        .position(|record| matches!(record.act, Act::SyncBegins { number } if number == ended))
        .expect("a sync begins before it ends");
    let write = |place: &usize| of_log(&records[*place]) && matches!(records[*place].act, Act::Write { .. });
    (0..begun).rev().find(write).map_or(0, |place| end_of(records, place))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_snapshots_only_a_power_cut_or_a_kill_loses_everything_since_the_last_one_and_userd_has_warned() {
    let crashed = crashed(SNAPSHOTS, 200, true, 0).await;
    assert!(crashed.log.contains("snapshot"), "userd warns at its start: {}", crashed.log);
    let (records, kept) = (crashed.power.records(), "Redis, snapshots only");
    let image = crashed.power.cut(&records, records.len(), Keep::Nothing, 0);
    for (folder, event) in [(image.path(), "power loss"), (crashed.folder.path(), "kill -9 of Redis")] {
        let verdict = judged(folder, SNAPSHOTS, &crashed.history, u64::MAX, event).await;
        assert!(verdict.lost.iter().all(|&answered| answered >= crashed.snapshot), "{event}: the snapshot is there");
        assert!(verdict.lost.len() > 50, "{event}: only {} lost", verdict.lost.len());
        let (acknowledged, lost) = (verdict.answered, verdict.lost.len());
        let measured = Measured { trials: 1, acknowledged, lost, span_ms: crashed.span_ms(&verdict) };
        record(kept, event, Promise::SinceSnapshot, measured);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_with_an_append_only_file_has_everything_acknowledged() {
    // On a quick disk Redis holds nothing back, and nothing is lost; see below.
    for (arguments, kept, promise) in [
        (ALWAYS, "Redis, `appendfsync always`", Promise::Nothing),
        (EVERYSEC, "Redis, `appendfsync everysec`", Promise::HeldBack),
    ] {
        let mut measured = Measured { trials: 0, acknowledged: 0, lost: 0, span_ms: None };
        for _ in 0..amount(2, 20) {
            let crashed = crashed(arguments, 60, false, 0).await;
            let verdict = judged(crashed.folder.path(), arguments, &crashed.history, u64::MAX, kept).await;
            measured.trials += 1;
            measured.acknowledged += verdict.answered;
            measured.lost = measured.lost.max(verdict.lost.len());
        }
        record(kept, "kill -9 of Redis", promise, measured);
    }
}

/// While a sync takes longer than a second, Redis holds back its writes for up to two and answers all the same.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_slow_disk_a_killed_redis_under_everysec_can_lose_what_it_held_back() {
    let crashed = crashed(EVERYSEC, amount(600, 2_000), false, 1_500).await;
    let verdict = judged(crashed.folder.path(), EVERYSEC, &crashed.history, u64::MAX, "a slow disk").await;
    let records = crashed.power.records();
    let last_write = records.iter().rposition(|record| matches!(record.act, Act::Write { .. })).expect("writes");
    assert!(verdict.lost.iter().all(|&answered| answered >= end_of(&records, last_write)), "what was written is there");
    let (acknowledged, lost) = (verdict.answered, verdict.lost.len());
    let measured = Measured { trials: 1, acknowledged, lost, span_ms: crashed.span_ms(&verdict) };
    record("Redis, `appendfsync everysec`", "kill -9 of Redis while its disk is slow", Promise::HeldBack, measured);
}
