//! Chaos tests of every store: userd and its store are killed and frozen again and again while many clients compete for
//! a few e-mails. (Rows 3 to 7, 9 and 11 of the fault table.) Short in the ordinary suite; `make faults` runs the same
//! code for longer.

use std::time::Duration;

use userd_test_support::chaos::disruptions::Disruption;
use userd_test_support::chaos::disruptor::ChaosPlan;
use userd_test_support::chaos::target::ChaosTarget;
use userd_test_support::chaos::{ChaosReport, run_chaos};
use userd_test_support::fault_report::{duration, is_long, report_row, seed};

/// The table to which every storm adds a row.
const TABLE: &str = "storms";

/// All disruptions of a cluster that may interrupt its service.
const ALL_CLUSTER_DISRUPTIONS: &[Disruption] =
    &[Disruption::Kill, Disruption::Freeze, Disruption::Planned, Disruption::Takeover, Disruption::ShardGone];

/// How long a storm lasts in the short form.
const SHORT: Duration = Duration::from_secs(6);

/// The plan of a storm that takes a `share`-th of the long form's time.
fn plan(usual_seed: u64, share: u32) -> ChaosPlan {
    ChaosPlan { duration: duration(SHORT, share), seed: seed(usual_seed), long: is_long() }
}

/// A storm after which every promise has been kept.
async fn assert_survives(store: &str, target: ChaosTarget, plan: ChaosPlan) {
    let report = run_and_check(store, target, plan).await;
    report.assert_answers_were_lost();
}

/// The same, where nothing need have kept an answer from its client.
async fn run_and_check(store: &str, target: ChaosTarget, plan: ChaosPlan) -> ChaosReport {
    let report = run_chaos(target, plan).await;
    report_row(TABLE, &report.row(store, &plan));
    report.assert_consistent();
    report
}

/// A storm over a store whose failovers may undo acknowledged changes: the losses are counted for the table. Only what
/// holds in every run is asserted.
async fn count_losses(store: &str, target: ChaosTarget, plan: ChaosPlan) {
    let report = run_chaos(target, plan).await;
    report_row(TABLE, &report.row(store, &plan));
    report.assert_enough_activity();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userd_that_is_killed_again_and_again_on_the_embedded_store_keeps_every_promise() {
    assert_survives("embedded", ChaosTarget::embedded(), plan(301, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_userd_and_their_redis_killed_and_frozen_keep_every_promise() {
    assert_survives("Redis", ChaosTarget::redis(), plan(302, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_userd_behind_a_line_that_repeats_and_loses_keep_every_promise() {
    let plan = plan(303, 5);
    let late = if plan.long { Duration::from_secs(30) } else { Duration::from_secs(3) };
    let target = ChaosTarget::redis_with_faulty_link(plan.seed, late).await;
    assert_survives("Redis, noisy line", target, plan).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_primaries_die_and_freeze_loses_nothing_that_replicas_acknowledged() {
    let target = ChaosTarget::cluster("replicas", ALL_CLUSTER_DISRUPTIONS, true);
    assert_survives("cluster 3 + 3, acknowledge = replicas", target, plan(305, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_acknowledges_without_replicas_serves_on_and_its_losses_are_counted() {
    let target = ChaosTarget::cluster("primary", ALL_CLUSTER_DISRUPTIONS, true);
    count_losses("cluster 3 + 3, acknowledge = primary", target, plan(306, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_failovers_of_a_cluster_lose_nothing() {
    let target = ChaosTarget::cluster("replicas", &[Disruption::Planned], false);
    run_and_check("cluster 3 + 3, acknowledge = replicas, planned only", target, plan(307, 10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_under_load_cost_clients_not_one_error() {
    let plan = plan(308, 10);
    let target = ChaosTarget::cluster("primary", &[Disruption::Reshard], false);
    let report = run_and_check("cluster 3 + 3, resharding only", target, plan).await;
    // Concurrent changes of one user are answered 503 on every store.
    let (contended, others): (Vec<_>, Vec<_>) =
        report.deferred_requests.iter().partition(|line| line.contains("other requests keep changing"));
    assert_eq!(others, Vec::<&String>::new());
    assert_eq!((report.statistics.refused, report.statistics.broken), (contended.len(), 0), "each has its reason");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_with_sentinels_loses_nothing_that_replicas_acknowledged() {
    assert_survives("Sentinel 1 + 2, acknowledge = replicas", ChaosTarget::sentinel("replicas"), plan(309, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_with_sentinels_that_acknowledges_alone_serves_on_and_its_losses_are_counted() {
    count_losses("Sentinel 1 + 2, acknowledge = primary", ChaosTarget::sentinel("primary"), plan(310, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_loses_data_fails_the_same_storm() {
    // The control: a store that loses users does not pass the assertions of the other storms.
    let plan = ChaosPlan { duration: Duration::from_secs(3), seed: seed(304), long: false };
    let report = run_chaos(ChaosTarget::volatile_redis(), plan).await;
    assert!(report.disrupted.contains_key("primary killed"), "{:?}", report.disrupted);
    assert!(!report.final_audit.lost.is_empty(), "{:?}", report.statistics);
    let stories = report.judged.violations.join("\n");
    assert!(stories.contains("the e-mail ") && stories.contains("the user "), "{stories}");
}
