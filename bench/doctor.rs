//! The rows of the consistency check: users per second, and its effect on look-ups.

use std::process::Command;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::common::row;
use super::context::BenchContext;
use super::load::{LoadProfile, LoadResult};
use super::seed;

/// Users that the check reads.
const USERS: usize = 200_000;

/// Connections of the look-ups meanwhile: few, so that the latency contains no queue.
const READING_CONNECTIONS: usize = 4;

/// Turns of the comparison: latencies scatter more than CPU does.
const TURNS_MIN: usize = 7;

/// The users per second of a check without a limit, and the latency of look-ups while the server's own task checks at
/// its default rate.
pub fn throughput_and_interference(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let seeded = runtime.block_on(seed::fill_redis(redis.port, USERS, bench.folder.path(), "doctor"));
    let store = format!("redis://127.0.0.1:{}/0", redis.port);
    let mut rates: Vec<f64> = (0..bench.settings.turns.max(3)).map(|_| users_per_s(bench, &store)).collect();
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    row(&format!("doctor, Redis, {USERS} users, no limit"), "≥ 50,000 users/s", &format!("{rate:.0} users/s"));

    // With a pause of one second a check starts at once, and takes longer than all turns together.
    let without = bench.userd(&store, &[("USERD_DOCTOR__BACKGROUND", "false")]);
    let with = bench.userd(&store, &[("USERD_DOCTOR__PAUSE_S", "1")]);
    let reads = LoadProfile { connections: READING_CONNECTIONS, ..bench.paths(&seeded.by_id) };
    reads.run(&with);
    let pairs: Vec<(LoadResult, LoadResult)> = (0..bench.settings.turns.max(TURNS_MIN))
        .map(|turn| {
            // The second of a pair finds a warmer machine.
            if turn % 2 == 0 {
                let alone = reads.run(&without);
                (alone, reads.run(&with))
            } else {
                let beside = reads.run(&with);
                (reads.run(&without), beside)
            }
        })
        .collect();
    for (what, of) in [("p50", (|outcome| outcome.p50_ms) as fn(&LoadResult) -> f64), ("p99", |outcome| outcome.p99_ms)]
    {
        let alone = median(pairs.iter().map(|(alone, _)| of(alone)));
        let beside = median(pairs.iter().map(|(_, beside)| of(beside)));
        let more = 100.0 * (median(pairs.iter().map(|(alone, beside)| of(beside) / of(alone))) - 1.0);
        row(
            &format!("look-ups by id, Redis, beside the doctor's task at its default rate: {what}"),
            "< +5 %",
            &format!("{more:+.1} % ({beside:.3} ms against {alone:.3} ms)"),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One check by the program, its start included.
fn users_per_s(bench: &BenchContext, store: &str) -> f64 {
    let began = Instant::now();
    let output = Command::new(&bench.userd)
        .args(["doctor", "--json", "--rate", "0", "--store", store])
        .current_dir(bench.folder.path())
        .env_clear()
        .output()
        .expect("userd starts");
    let seconds = began.elapsed().as_secs_f64();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((output.status.code(), report["users"].as_u64()), (Some(0), Some(USERS as u64)), "{report}");
    report["users"].as_f64().expect("a number") / seconds
}
