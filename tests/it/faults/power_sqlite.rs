//! Power cuts and kills of the real userd on the embedded store, at every distinguishable moment. (Rows 16 and 18 of
//! the fault table.) The simulator is tested in `power_loss`.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use userd_core::random::SeededRandom;
use userd_store::Store;
use userd_store_sqlite::SqliteStore;

use userd_test_support::churn_workload::{ChurnHistory, ChurnWorkload, JournalPosition};
use userd_test_support::durability_table::{DurabilityMeasurement, DurabilityPromise, record_measurement};
use userd_test_support::power_journal::SurvivingWrites;
use userd_test_support::power_loss::{PowerLossRecorder, cut_points};
use userd_test_support::run_scale::scaled;
use userd_test_support::stores::{audit_database, sqlite_settings};
use userd_test_support::userd_process::UserdCommand;

const CLIENTS: usize = 6;

fn position(power: &Arc<PowerLossRecorder>) -> JournalPosition {
    let power = Arc::clone(power);
    Arc::new(move || power.position())
}

/// Opens what is left in `folder`, as a userd does after the crash, and compares it with what was acknowledged; returns
/// how much that was.
async fn assert_nothing_lost(folder: &Path, history: &ChurnHistory, cut: u64, what: &str) -> usize {
    let path = folder.join("userd-data").join("userd.db");
    let store = SqliteStore::open(&sqlite_settings(&path)).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let verdict = history.check(&store, cut).await;
    store.close().await;
    assert_eq!((verdict.lost.as_slice(), verdict.wrong.as_slice()), (&[][..], &[][..]), "{what}");
    assert_eq!(audit_database(&path).expect("a database"), Vec::<String>::new(), "{what}");
    verdict.answered
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let power = Arc::new(PowerLossRecorder::watch(folder.path()));
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().with_environment(power.environment());
    let mut serving = launch.start();
    let comings = ChurnWorkload::start(serving.address(), CLIENTS, &position(&power));
    comings.wait_until_answered(scaled(300, 3_000)).await;
    serving.kill();
    let history = comings.end().await;
    let records = power.records();
    let (images, random) = (scaled(60, 400), SeededRandom::from_seed(16));
    let (mut disk, mut applied, mut torn, mut acknowledged) = (power.disk(), 0, 0, 0);
    for (number, place) in cut_points(records.len(), images, &random).into_iter().enumerate() {
        disk.apply_all(&records[applied..place]);
        applied = place;
        let keep = SurvivingWrites::ALL[number % SurvivingWrites::ALL.len()];
        let image = disk.image(keep, &random);
        torn += usize::from(image != disk.image(SurvivingWrites::Everything, &random));
        let cut = place.checked_sub(1).map_or(0, |last| records[last].end);
        let what = format!("image {number}: {keep:?} after act {place} of {}", records.len());
        acknowledged += assert_nothing_lost(power.write_image(&image).path(), &history, cut, &what).await;
    }
    assert!(torn > images / 5, "only {torn} of {images} images differ from what was written");
    let measured = DurabilityMeasurement { trials: images, acknowledged, lost: 0, loss_window_ms: None };
    record_measurement("embedded", "power loss", "–", DurabilityPromise::Nothing, measured);
}

/// Runs a userd that is to be killed at an event; returns whether it ended before.
async fn run_until_killed(
    power: &Arc<PowerLossRecorder>,
    folder: &TempDir,
    at: usize,
    on: &str,
) -> (ChurnHistory, bool) {
    let launch = UserdCommand::in_folder(folder.path())
        .cheap_hashes()
        .with_environment(power.environment())
        .environment("POWER_LOSS_KILL_AT", &at.to_string())
        .environment("POWER_LOSS_KILL_ON", on);
    let Some(mut serving) = launch.try_start() else { return (ChurnHistory::default(), false) };
    let history = ChurnWorkload::start_with(serving.address(), 1, 3, &position(power)).join().await;
    serving.terminate_if_running();
    (history, serving.wait() == Some(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn userd_killed_at_every_commit_point_loses_nothing_acknowledged() {
    // Each sync has two points, its beginning and its end; in the long form also each write between.
    let on = ["S", "CWTSUR"][scaled(0, 1)];
    let (mut acknowledged, mut killed) = (0, 0);
    for at in 0.. {
        let folder = tempfile::tempdir().expect("a folder");
        let power = Arc::new(PowerLossRecorder::watch(folder.path()));
        let (history, clean) = run_until_killed(&power, &folder, at, on).await;
        let records = power.records();
        for (seed, keep) in (0..).zip(SurvivingWrites::ALL) {
            let image = power.cut_power(&records, records.len(), keep, seed);
            assert_nothing_lost(image.path(), &history, u64::MAX, &format!("{keep:?} at event {at} of {on}")).await;
        }
        acknowledged += assert_nothing_lost(folder.path(), &history, u64::MAX, &format!("at event {at} of {on}")).await;
        if clean {
            break;
        }
        killed += 1;
    }
    assert!(killed > 20, "only {killed} points");
    record_measurement(
        "embedded",
        "kill -9",
        "–",
        DurabilityPromise::Nothing,
        DurabilityMeasurement { trials: killed, acknowledged, lost: 0, loss_window_ms: None },
    );
}

/// Each run begins with what a power cut has left of the one before.
#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_one_after_another_lose_nothing_acknowledged() {
    let random = SeededRandom::from_seed(1618);
    let mut folder = tempfile::tempdir().expect("a folder");
    for (round, seed) in (0..scaled(5, 40)).zip(1..) {
        let power = Arc::new(PowerLossRecorder::watch(folder.path()));
        let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().with_environment(power.environment());
        let mut serving = launch.start();
        let before = userd_test_support::load::users_count(serving.address()).await;
        let comings =
            ChurnWorkload::start_named(serving.address(), CLIENTS, &format!("life-{round}"), &position(&power));
        comings.wait_until_answered(1 + cut_points(60, 1, &random)[0]).await;
        serving.kill();
        let history = comings.end().await;
        let records = power.records();
        let keep = SurvivingWrites::ALL[round % SurvivingWrites::ALL.len()];
        let image = power.cut_power(&records, records.len(), keep, seed);
        let path = image.path().join("userd-data").join("userd.db");
        let store = SqliteStore::open(&sqlite_settings(&path)).expect("it opens after a power cut");
        let verdict = history.check_among(&store, u64::MAX, before as u64).await;
        store.close().await;
        assert_eq!((verdict.lost, verdict.wrong), (Vec::new(), Vec::new()), "life {round}, {keep:?}");
        assert_eq!(audit_database(&path).expect("a database"), Vec::<String>::new(), "life {round}, {keep:?}");
        drop(serving);
        folder = image;
    }
}
