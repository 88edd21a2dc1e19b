//! People who come and go on a real userd over a real Redis until Redis is killed, and what a power cut at any
//! moment before would have left of it.
//!
//! Not a judge of what may be missing: that is the test's promise.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use userd_core::random::SeededRandom;

use super::churn_workload::{ChurnHistory, ChurnVerdict, ChurnWorkload, JournalPosition};
use super::power_journal::{FileOperation, JournalRecord, SurvivingWrites};
use super::power_loss::{PowerLossRecorder, cut_points};
use super::recovery::{assert_no_contradictions, store_with_long_timeout};
use super::redis_server::RedisServer;
use super::server_plan::resolved_program;
use super::userd_process::UserdCommand;

/// Arguments of a Redis that flushes before each answer.
pub const ALWAYS: &[&str] = &["--appendfsync", "always"];
/// Arguments of one that flushes each second.
pub const EVERYSEC: &[&str] = &["--appendfsync", "everysec"];

/// How people come and go, and on what.
#[derive(Debug, Clone, Copy)]
pub struct CrashTrial<'t> {
    /// How Redis is started.
    pub arguments: &'t [&'t str],
    /// Settings of userd's.
    pub settings: &'t [(&'t str, &'t str)],
    /// How many come and go at the same time.
    pub clients: usize,
    /// So many acts are answered before the snapshot, and as many again after.
    pub acts: usize,
    /// A snapshot is taken.
    pub snapshot: bool,
    /// A sync takes so much longer, and Redis is killed in the midst of one.
    pub sync_ms: u32,
    /// Userd is killed at once after Redis: nobody waits until a long time-out is over.
    pub both: bool,
}

/// Redis has been killed.
pub struct CrashedRedis {
    /// Where its files are.
    pub folder: TempDir,
    /// What was done to them.
    pub power: Arc<PowerLossRecorder>,
    /// What people were told.
    pub history: ChurnHistory,
    /// What userd said.
    pub log: String,
    /// Which server it was.
    pub product: String,
    /// Where the journal was when the snapshot began.
    pub snapshot: u64,
    killed_at: Instant,
}

impl CrashTrial<'_> {
    /// Eight clients of a userd as it comes, on such a Redis.
    pub fn on<'t>(arguments: &'t [&'t str], acts: usize) -> CrashTrial<'t> {
        CrashTrial { arguments, settings: &[], clients: 8, acts, snapshot: false, sync_ms: 0, both: false }
    }

    /// Runs it.
    pub async fn run(self) -> CrashedRedis {
        let folder = tempfile::tempdir().expect("a folder");
        let power = Arc::new(PowerLossRecorder::watch(folder.path()));
        let mut environment = power.environment();
        environment.push(("POWER_LOSS_SYNC_MS".to_owned(), self.sync_ms.to_string()));
        let path = folder.path().to_string_lossy().into_owned();
        let mut server =
            RedisServer::start_with_environment(&environment, &[&["--dir", &path], self.arguments].concat());
        let home = tempfile::tempdir().expect("a folder");
        let launch = UserdCommand::in_folder(home.path()).redis(&server).cheap_hashes();
        let launch = self.settings.iter().fold(launch, |launch, (key, value)| launch.set(key, value));
        let mut serving = launch.start();
        let comings = ChurnWorkload::start(serving.address(), self.clients, &journal_position(&power));
        comings.wait_until_answered(self.acts).await;
        let mut at = 0;
        if self.snapshot {
            at = power.position();
            server.command(&["SAVE"]);
        }
        comings.wait_until_answered(2 * self.acts).await;
        if self.sync_ms > 0 {
            // In the midst of a sync, with time for some answers.
            while !is_fsync_in_progress(&power.records()) {
                tokio::task::yield_now().await;
            }
            comings.wait_until_answered(comings.answered() + 50).await;
        }
        let product = server.product();
        let killed_at = Instant::now();
        server.kill();
        if self.both {
            serving.kill();
        }
        let history = comings.end().await;
        serving.kill();
        CrashedRedis { folder, power, history, log: serving.log(), product, snapshot: at, killed_at }
    }
}

impl CrashedRedis {
    /// How long before the kill the oldest of what was lost had been answered.
    pub fn loss_window_ms(&self, verdict: &ChurnVerdict) -> Option<u64> {
        let span = self.killed_at.saturating_duration_since(verdict.lost_since?);
        u64::try_from(span.as_millis()).ok()
    }

    /// Cuts the power at `images` places, in every way; nothing acknowledged may be missing.
    pub async fn assert_loses_nothing(&self, arguments: &[&str], images: usize) -> usize {
        assert_no_acknowledged_loss(&self.power, &self.history, arguments, images).await
    }
}

/// Cuts the power at so many places, in every way, and at the last of those before a sync; nothing that was
/// acknowledged may be missing in any. How many acknowledged changes were looked for.
pub async fn assert_no_acknowledged_loss(
    power: &PowerLossRecorder,
    history: &ChurnHistory,
    arguments: &[&str],
    images: usize,
) -> usize {
    let records = power.records();
    let anywhere = cut_points(records.len(), images - images / 4, &SeededRandom::from_seed(8)).into_iter();
    let anywhere =
        anywhere.enumerate().map(|(number, place)| (place, SurvivingWrites::ALL[number % SurvivingWrites::ALL.len()]));
    let worst =
        before_fsyncs(&records).into_iter().rev().take(images / 4).map(|place| (place, SurvivingWrites::Nothing));
    let (mut acknowledged, mut with_holes) = (0, 0);
    for (number, (place, keep)) in anywhere.chain(worst).enumerate() {
        let what = format!("image {number}: {keep:?} after act {place} of {}", records.len());
        let image = power.cut_power(&records, place, keep, number as u64);
        with_holes += usize::from(repair_aof(image.path()));
        let verdict =
            check_recovered(image.path(), arguments, history, journal_offset_after(&records, place), &what).await;
        assert_eq!(verdict.lost, Vec::<u64>::new(), "{what}");
        acknowledged += verdict.answered;
    }
    assert!(with_holes < images, "every image had a hole");
    acknowledged
}

/// How far the journal is.
pub fn journal_position(power: &Arc<PowerLossRecorder>) -> JournalPosition {
    let power = Arc::clone(power);
    Arc::new(move || power.position())
}

/// Whether something was done to the part of the append-only file that grows.
pub fn is_aof_record(record: &JournalRecord) -> bool {
    record.path.to_string_lossy().ends_with(".incr.aof")
}

/// Where a sync of the log begins, and the end: before it the most is not synced.
pub fn before_fsyncs(records: &[JournalRecord]) -> Vec<usize> {
    (0..records.len())
        .filter(|&place| {
            is_aof_record(&records[place]) && matches!(records[place].act, FileOperation::SyncBegins { .. })
        })
        .chain([records.len()])
        .collect()
}

/// Whether the last sync of the log that began has not ended.
fn is_fsync_in_progress(records: &[JournalRecord]) -> bool {
    let syncs = records.iter().filter(|record| is_aof_record(record));
    let last = syncs
        .rev()
        .find(|record| matches!(record.act, FileOperation::SyncBegins { .. } | FileOperation::SyncEnds { .. }));
    last.is_some_and(|record| matches!(record.act, FileOperation::SyncBegins { .. }))
}

/// Where the journal was after so many acts.
pub fn journal_offset_after(records: &[JournalRecord], acts: usize) -> u64 {
    acts.checked_sub(1).map_or(0, |last| records[last].end)
}

/// How long before the end of `records` the oldest of `lost` was answered.
pub fn loss_window_ms(records: &[JournalRecord], lost: &[u64]) -> Option<u64> {
    let oldest = lost.iter().min()?;
    let answered = records.iter().find(|record| record.end >= *oldest)?;
    Some((records.last()?.nanos - answered.nanos) / 1_000_000)
}

/// Starts a Redis on what is left.
pub fn start_redis_on(folder: &Path, arguments: &[&str]) -> RedisServer {
    let path = folder.to_string_lossy().into_owned();
    RedisServer::start_with(&[&["--dir", &path], arguments].concat())
}

/// Starts a Redis on what is left, and compares it with what was acknowledged until `cut`.
pub async fn check_recovered(
    folder: &Path,
    arguments: &[&str],
    history: &ChurnHistory,
    cut: u64,
    what: &str,
) -> ChurnVerdict {
    let server = start_redis_on(folder, arguments);
    let store = store_with_long_timeout(server.settings()).await;
    let verdict = history.check(&store, cut).await;
    assert_no_contradictions(&server, what);
    assert_eq!(verdict.wrong, Vec::<String>::new(), "{what}");
    verdict
}

/// Redis does not start on an append-only file with a hole in it, which is good; an operator then cuts the file at
/// the hole, as Redis's manual says. Whether that was needed.
fn repair_aof(folder: &Path) -> bool {
    // The tool of Valkey 9.1.2 finds its own base file damaged when it is given the manifest.
    let Some(log) = last_aof_file(folder).filter(|log| log.exists() && !redis_check_aof(log, &[])) else {
        return false;
    };
    assert!(redis_check_aof(&log, &["--fix"]), "redis-check-aof mends it");
    true
}

/// The last file of the log that the manifest names: only its end may not have been synced.
fn last_aof_file(folder: &Path) -> Option<PathBuf> {
    let folder = folder.join("appendonlydir");
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).ok()?;
    let mut names = manifest.lines().filter_map(|line| line.split(' ').nth(1));
    names.rfind(|name| name.ends_with(".incr.aof")).map(|name| folder.join(name))
}

/// The server's own program does it when it is called by another name; one of another version may not know the file.
fn redis_check_aof(log: &Path, flags: &[&str]) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("redis-check-aof");
    symlink(resolved_program(), &program).expect("another name");
    let child = Command::new(program)
        .args(flags)
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("a server that runs can be run by another name");
    // It asks before it cuts; without `--fix` it reads nothing and may have ended.
    let _ = child.stdin.take().expect("a pipe").write_all(b"y\n");
    child.wait().expect("it ends").success()
}
