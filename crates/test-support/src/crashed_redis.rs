//! A churn workload on a real userd over a real Redis until Redis is killed, and the disk that a power cut at any
//! moment before would have left.
//!
//! What may be missing is not decided here: that is the test's promise.

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

/// Arguments of a Redis that syncs before each answer.
pub const ALWAYS: &[&str] = &["--appendfsync", "always"];
/// Arguments of a Redis that syncs each second.
pub const EVERYSEC: &[&str] = &["--appendfsync", "everysec"];

/// The workload, and what it runs on.
#[derive(Debug, Clone, Copy)]
pub struct CrashTrial<'t> {
    /// How Redis is started.
    pub arguments: &'t [&'t str],
    /// Settings of userd.
    pub settings: &'t [(&'t str, &'t str)],
    /// How many clients run at the same time.
    pub clients: usize,
    /// This many steps are answered before the snapshot, and as many after it.
    pub acts: usize,
    /// Whether a snapshot is taken.
    pub snapshot: bool,
    /// How much longer a sync takes; Redis is killed during one.
    pub sync_ms: u32,
    /// Whether userd is killed right after Redis, so that the test does not wait for a long time-out.
    pub both: bool,
}

/// A Redis that was killed.
pub struct CrashedRedis {
    /// The folder of its files.
    pub folder: TempDir,
    /// The recorded file operations.
    pub power: Arc<PowerLossRecorder>,
    /// What the clients recorded.
    pub history: ChurnHistory,
    /// The log of userd.
    pub log: String,
    /// The server's product and version.
    pub product: String,
    /// The position in the journal at which the snapshot began.
    pub snapshot: u64,
    killed_at: Instant,
}

impl CrashTrial<'_> {
    /// Eight clients of a userd with default settings, on such a Redis.
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
            // During a sync, with time for some answers.
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
    /// How long before the kill the oldest lost step was answered.
    pub fn loss_window_ms(&self, verdict: &ChurnVerdict) -> Option<u64> {
        let span = self.killed_at.saturating_duration_since(verdict.lost_since?);
        u64::try_from(span.as_millis()).ok()
    }

    /// Cuts the power at `images` places, with every kind of surviving writes; no acknowledged change may be missing.
    pub async fn assert_loses_nothing(&self, arguments: &[&str], images: usize) -> usize {
        assert_no_acknowledged_loss(&self.power, &self.history, arguments, images).await
    }
}

/// Cuts the power at this many places, with every kind of surviving writes, and at the last of those before a sync; no
/// acknowledged change may be missing. Returns how many acknowledged changes were looked up.
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

/// The present position in the journal.
pub fn journal_position(power: &Arc<PowerLossRecorder>) -> JournalPosition {
    let power = Arc::clone(power);
    Arc::new(move || power.position())
}

/// Whether the operation is on the growing part of the append-only file.
pub fn is_aof_record(record: &JournalRecord) -> bool {
    record.path.to_string_lossy().ends_with(".incr.aof")
}

/// Where syncs of the log begin, and the end: before a sync most data is unsynced.
pub fn before_fsyncs(records: &[JournalRecord]) -> Vec<usize> {
    (0..records.len())
        .filter(|&place| {
            is_aof_record(&records[place]) && matches!(records[place].act, FileOperation::SyncBegins { .. })
        })
        .chain([records.len()])
        .collect()
}

/// Whether the last sync of the log has not ended.
fn is_fsync_in_progress(records: &[JournalRecord]) -> bool {
    let syncs = records.iter().filter(|record| is_aof_record(record));
    let last = syncs
        .rev()
        .find(|record| matches!(record.act, FileOperation::SyncBegins { .. } | FileOperation::SyncEnds { .. }));
    last.is_some_and(|record| matches!(record.act, FileOperation::SyncBegins { .. }))
}

/// The position in the journal after this many operations.
pub fn journal_offset_after(records: &[JournalRecord], acts: usize) -> u64 {
    acts.checked_sub(1).map_or(0, |last| records[last].end)
}

/// How long before the end of `records` the oldest of `lost` was answered.
pub fn loss_window_ms(records: &[JournalRecord], lost: &[u64]) -> Option<u64> {
    let oldest = lost.iter().min()?;
    let answered = records.iter().find(|record| record.end >= *oldest)?;
    Some((records.last()?.nanos - answered.nanos) / 1_000_000)
}

/// Starts a Redis on these files.
pub fn start_redis_on(folder: &Path, arguments: &[&str]) -> RedisServer {
    let path = folder.to_string_lossy().into_owned();
    RedisServer::start_with(&[&["--dir", &path], arguments].concat())
}

/// Starts a Redis on these files, and compares it with what was acknowledged until `cut`.
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

/// Redis correctly refuses to start on an append-only file with a hole in it; the operator then truncates the file at
/// the hole, as Redis's manual says. Returns whether that was needed.
fn repair_aof(folder: &Path) -> bool {
    // The tool of Valkey 9.1.2 reports its own base file as damaged when it gets the manifest.
    let Some(log) = last_aof_file(folder).filter(|log| log.exists() && !redis_check_aof(log, &[])) else {
        return false;
    };
    assert!(redis_check_aof(&log, &["--fix"]), "redis-check-aof repairs it");
    true
}

/// The last file of the log that the manifest names: only its end may not have been synced.
fn last_aof_file(folder: &Path) -> Option<PathBuf> {
    let folder = folder.join("appendonlydir");
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).ok()?;
    let mut names = manifest.lines().filter_map(|line| line.split(' ').nth(1));
    names.rfind(|name| name.ends_with(".incr.aof")).map(|name| folder.join(name))
}

/// The server's program is the check tool when it is called by that name; another version may not know the file format.
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
    // It asks before it truncates; without `--fix` it reads nothing and may have ended.
    let _ = child.stdin.take().expect("a pipe").write_all(b"y\n");
    child.wait().expect("it ends").success()
}
