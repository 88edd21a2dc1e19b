//! Storms over every store: userd and its store killed and frozen again and again while many clients want the same
//! few e-mails. (Rows 3 to 7, 9 and 11 of the fault table.) Short as an ordinary test; as long as `make faults` says in
//! the long form, from the same code.

use std::time::Duration;

use userd_test_support::fault_report::{is_long, lasting, report_row, seed};
use userd_test_support::storm::blows::Blow;
use userd_test_support::storm::chaos::Weather;
use userd_test_support::storm::place::Place;
use userd_test_support::storm::{Aftermath, storm};

/// The table that every storm gives a row to.
const TABLE: &str = "storms";

/// All that a cluster is struck with where it may lose service.
const ALL_OF_A_CLUSTER: &[Blow] = &[Blow::Kill, Blow::Freeze, Blow::Planned, Blow::Takeover, Blow::ShardGone];

/// How long a storm lasts in the short form.
const SHORT: Duration = Duration::from_secs(6);

/// The weather of a storm that takes a `share`-th of the long form's time.
fn weather(usual_seed: u64, share: u32) -> Weather {
    Weather { lasting: lasting(SHORT, share), seed: seed(usual_seed), long: is_long() }
}

/// A storm after which every promise has been kept.
async fn rage(store: &str, place: Place, weather: Weather) {
    let aftermath = rage_alone(store, place, weather).await;
    aftermath.assert_answers_were_lost();
}

/// The same, where nothing need have kept an answer from its client.
async fn rage_alone(store: &str, place: Place, weather: Weather) -> Aftermath {
    let aftermath = storm(place, weather).await;
    report_row(TABLE, &aftermath.row(store, &weather));
    aftermath.assert_sound();
    aftermath
}

/// A storm over a store whose failovers may undo what was acknowledged: what that comes to is counted for the table.
/// What needs no luck is asserted.
async fn count_losses(store: &str, place: Place, weather: Weather) {
    let aftermath = storm(place, weather).await;
    report_row(TABLE, &aftermath.row(store, &weather));
    aftermath.assert_lively();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userd_that_is_killed_again_and_again_on_the_embedded_store_keeps_every_promise() {
    rage("embedded", Place::embedded(), weather(301, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_userd_and_their_redis_killed_and_frozen_keep_every_promise() {
    rage("Redis", Place::redis(), weather(302, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_userd_behind_a_line_that_repeats_and_loses_keep_every_promise() {
    let weather = weather(303, 5);
    let late = if weather.long { Duration::from_secs(30) } else { Duration::from_secs(3) };
    let place = Place::noisy(weather.seed, late).await;
    rage("Redis, noisy line", place, weather).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_primaries_die_and_freeze_loses_nothing_that_replicas_acknowledged() {
    let place = Place::cluster("replicas", ALL_OF_A_CLUSTER, true);
    rage("cluster 3 + 3, acknowledge = replicas", place, weather(305, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_acknowledges_without_replicas_serves_on_and_its_losses_are_counted() {
    let place = Place::cluster("primary", ALL_OF_A_CLUSTER, true);
    count_losses("cluster 3 + 3, acknowledge = primary", place, weather(306, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_failovers_of_a_cluster_lose_nothing() {
    let place = Place::cluster("replicas", &[Blow::Planned], false);
    rage_alone("cluster 3 + 3, acknowledge = replicas, planned only", place, weather(307, 10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_under_load_cost_clients_not_one_error() {
    let weather = weather(308, 10);
    let place = Place::cluster("primary", &[Blow::Reshard], false);
    let aftermath = rage_alone("cluster 3 + 3, resharding only", place, weather).await;
    // Several clients who move one user at once are put off wherever the users are kept.
    let (contended, others): (Vec<_>, Vec<_>) =
        aftermath.put_off.iter().partition(|line| line.contains("others keep beginning to change"));
    assert_eq!(others, Vec::<&String>::new());
    assert_eq!((aftermath.figures.refused, aftermath.figures.broken), (contended.len(), 0), "each has its reason");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_with_sentinels_loses_nothing_that_replicas_acknowledged() {
    rage("Sentinel 1 + 2, acknowledge = replicas", Place::sentinel("replicas"), weather(309, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_with_sentinels_that_acknowledges_alone_serves_on_and_its_losses_are_counted() {
    count_losses("Sentinel 1 + 2, acknowledge = primary", Place::sentinel("primary"), weather(310, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_is_found_out_by_the_same_storm() {
    // The control: with what is asserted of the others, a store that does lose users does not pass.
    let weather = Weather { lasting: Duration::from_secs(3), seed: seed(304), long: false };
    let aftermath = storm(Place::forgetful(), weather).await;
    assert!(aftermath.struck.contains_key("primary killed"), "{:?}", aftermath.struck);
    assert!(!aftermath.roll_call.lost.is_empty(), "{:?}", aftermath.figures);
    let stories = aftermath.judged.violations.join("\n");
    assert!(stories.contains("the e-mail ") && stories.contains("the user "), "{stories}");
}
