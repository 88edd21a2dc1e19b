//! Storms over every store: userd and its store killed and frozen again and again while many clients want the same
//! few e-mails. (Rows 3 to 7, 9 and 11 of the fault table.) Short as an ordinary test; as long as `make faults` says in
//! the long form, from the same code.

use std::time::Duration;

use crate::support::fault_report::{is_long, lasting, report_row, seed};
use crate::support::storm::chaos::Weather;
use crate::support::storm::place::Place;
use crate::support::storm::storm;

/// The table that every storm gives a row to.
const TABLE: &str = "storms";

/// How long a storm lasts in the short form.
const SHORT: Duration = Duration::from_secs(6);

/// The weather of a storm that takes a `share`-th of the long form's time.
fn weather(usual_seed: u64, share: u32) -> Weather {
    Weather { lasting: lasting(SHORT, share), seed: seed(usual_seed), long: is_long() }
}

async fn rage(store: &str, place: Place, weather: Weather) {
    let aftermath = storm(place, weather).await;
    report_row(TABLE, &aftermath.row(store, &weather));
    aftermath.assert_sound();
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
async fn a_redis_that_forgets_is_found_out_by_the_same_storm() {
    // The control: with what is asserted of the others, a store that does lose users does not pass.
    let weather = Weather { lasting: Duration::from_secs(3), seed: seed(304), long: false };
    let aftermath = storm(Place::forgetful(), weather).await;
    assert!(aftermath.struck.contains_key("store killed"), "{:?}", aftermath.struck);
    assert!(!aftermath.roll_call.lost.is_empty(), "{:?}", aftermath.figures);
    let stories = aftermath.judged.violations.join("\n");
    assert!(stories.contains("the e-mail ") && stories.contains("the user "), "{stories}");
}
