//! Power cuts and kills of a real Redis under a real userd, for each kind of persistence. (Row 8 of the fault table.)
//! The simulator is tested in `power_loss`.

use userd_test_support::crashed_redis::{
    ALWAYS, CrashTrial, CrashedRedis, EVERYSEC, before_fsyncs, check_recovered, is_aof_record, journal_offset_after,
    loss_window_ms,
};
use userd_test_support::durability_table::{DurabilityMeasurement, DurabilityPromise, record_measurement};
use userd_test_support::power_journal::{FileOperation, JournalRecord, SurvivingWrites};
use userd_test_support::run_scale::scaled;

/// Snapshots only when the test takes one.
const SNAPSHOTS: &[&str] = &["--appendonly", "no", "--save", "86400 1"];

async fn crash_redis(arguments: &[&str], acts: usize) -> CrashedRedis {
    CrashTrial::on(arguments, acts).run().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_under_appendfsync_always_loses_nothing_acknowledged() {
    let crashed = crash_redis(ALWAYS, scaled(100, 1_000)).await;
    assert!(!crashed.log.contains("what was acknowledged in the last second"), "{}", crashed.log);
    let images = scaled(15, 100);
    let acknowledged = crashed.assert_loses_nothing(ALWAYS, images).await;
    let measured = DurabilityMeasurement { trials: images, acknowledged, lost: 0, loss_window_ms: None };
    record_measurement(
        "Redis, `appendfsync always`",
        "power loss",
        &crashed.product,
        DurabilityPromise::Nothing,
        measured,
    );
}

/// Cuts just before the sync that follows the longest pause: everything that no sync covers is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_under_appendfsync_everysec_loses_what_was_not_synced_and_userd_has_warned() {
    let crashed = crash_redis(EVERYSEC, scaled(600, 5_000)).await;
    assert!(crashed.log.contains("appendfsync"), "userd warns at its start: {}", crashed.log);
    let records = crashed.power.records();
    let mut worst = DurabilityMeasurement { trials: 0, acknowledged: 0, lost: 0, loss_window_ms: None };
    for place in before_fsyncs(&records).into_iter().rev().take(scaled(4, 40)) {
        let cut = journal_offset_after(&records, place);
        let image = crashed.power.cut_power(&records, place, SurvivingWrites::Nothing, 0);
        let what = format!("cut before the sync at act {place}");
        let verdict = check_recovered(image.path(), EVERYSEC, &crashed.history, cut, &what).await;
        let covered = last_synced_position(&records[..place]);
        assert!(verdict.lost.iter().all(|&answered| answered >= covered), "{what}: what was synced is there");
        worst.trials += 1;
        worst.acknowledged += verdict.answered;
        if verdict.lost.len() > worst.lost {
            worst.lost = verdict.lost.len();
            worst.loss_window_ms = loss_window_ms(&records[..place], &verdict.lost);
        }
    }
    assert!(worst.lost > 0, "a cut before a sync loses something, or the simulator does not cut");
    record_measurement(
        "Redis, `appendfsync everysec`",
        "power loss",
        &crashed.product,
        DurabilityPromise::LastSecond,
        worst,
    );
}

/// The beginning of the last write to the log that a sync covers: everything that was acknowledged before is in it or
/// in earlier writes.
fn last_synced_position(records: &[JournalRecord]) -> u64 {
    let ended = records.iter().rev().find_map(|record| match record.act {
        FileOperation::SyncEnds { number } if is_aof_record(record) => Some(number),
        _ => None,
    });
    let Some(ended) = ended else { return 0 };
    let begun = records
        .iter()
        .position(|record| matches!(record.act, FileOperation::SyncBegins { number } if number == ended))
        .expect("a sync begins before it ends");
    let write =
        |place: &usize| is_aof_record(&records[*place]) && matches!(records[*place].act, FileOperation::Write { .. });
    (0..begun).rev().find(write).map_or(0, |place| journal_offset_after(records, place))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_snapshots_only_a_power_cut_or_a_kill_loses_everything_since_the_last_one_and_userd_has_warned() {
    let crashed = CrashTrial { snapshot: true, ..CrashTrial::on(SNAPSHOTS, 200) }.run().await;
    assert!(crashed.log.contains("snapshot"), "userd warns at its start: {}", crashed.log);
    let (records, kept) = (crashed.power.records(), "Redis, snapshots only");
    let image = crashed.power.cut_power(&records, records.len(), SurvivingWrites::Nothing, 0);
    for (folder, event) in [(image.path(), "power loss"), (crashed.folder.path(), "kill -9 of Redis")] {
        let verdict = check_recovered(folder, SNAPSHOTS, &crashed.history, u64::MAX, event).await;
        assert!(verdict.lost.iter().all(|&answered| answered >= crashed.snapshot), "{event}: the snapshot is there");
        assert!(verdict.lost.len() > 50, "{event}: only {} lost", verdict.lost.len());
        let (acknowledged, lost) = (verdict.answered, verdict.lost.len());
        let measured =
            DurabilityMeasurement { trials: 1, acknowledged, lost, loss_window_ms: crashed.loss_window_ms(&verdict) };
        record_measurement(kept, event, &crashed.product, DurabilityPromise::SinceSnapshot, measured);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_with_an_append_only_file_has_everything_acknowledged() {
    // On a quick disk Redis holds nothing back, and nothing is lost; see below.
    for (arguments, kept, promise) in [
        (ALWAYS, "Redis, `appendfsync always`", DurabilityPromise::Nothing),
        (EVERYSEC, "Redis, `appendfsync everysec`", DurabilityPromise::HeldBack),
    ] {
        let mut product = String::new();
        let mut measured = DurabilityMeasurement { trials: 0, acknowledged: 0, lost: 0, loss_window_ms: None };
        for _ in 0..scaled(2, 20) {
            let crashed = crash_redis(arguments, 60).await;
            let verdict = check_recovered(crashed.folder.path(), arguments, &crashed.history, u64::MAX, kept).await;
            product = crashed.product;
            measured.trials += 1;
            measured.acknowledged += verdict.answered;
            measured.lost = measured.lost.max(verdict.lost.len());
        }
        record_measurement(kept, "kill -9 of Redis", &product, promise, measured);
    }
}

/// While a sync takes longer than a second, Redis holds back its writes for up to two and answers all the same.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_slow_disk_a_killed_redis_under_everysec_can_lose_what_it_held_back() {
    let crashed = CrashTrial { sync_ms: 1_500, ..CrashTrial::on(EVERYSEC, scaled(600, 2_000)) }.run().await;
    let verdict = check_recovered(crashed.folder.path(), EVERYSEC, &crashed.history, u64::MAX, "a slow disk").await;
    let records = crashed.power.records();
    let last_write =
        records.iter().rposition(|record| matches!(record.act, FileOperation::Write { .. })).expect("writes");
    assert!(
        verdict.lost.iter().all(|&answered| answered >= journal_offset_after(&records, last_write)),
        "what was written is there"
    );
    let (acknowledged, lost) = (verdict.answered, verdict.lost.len());
    let measured =
        DurabilityMeasurement { trials: 1, acknowledged, lost, loss_window_ms: crashed.loss_window_ms(&verdict) };
    let event = "kill -9 of Redis while its disk is slow";
    record_measurement("Redis, `appendfsync everysec`", event, &crashed.product, DurabilityPromise::HeldBack, measured);
}
