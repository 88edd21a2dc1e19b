//! Two clients: every interleaving of their steps, with a crash at any place and, in each run, one late duplicate
//! or lost answer at any place; by every pair of clocks.
//!
//! In the ordinary suite three larger scenarios are reduced: without lost answers, and two of them without some clocks.
//! Two users who change to one e-mail, both with clocks by which the other is always overdue, have a hundred thousand
//! states; for one user who moves twice, clocks make no difference.

use std::time::Instant;

use super::explore::{InterleavingSearch, SearchOrder, SearchSummary};
use super::random_walk::{RandomWalk, WalkStage};
use super::scenario::{A, B, C, CLOCKS, Scenario, ScenarioAct};
use userd_test_support::key_space::KeySpace;
use userd_test_support::redis_server::RedisServer;

/// Whole runs for each pair of clocks, for comparison with the states that a search has visited.
const WALKS: u64 = 10;

/// Explores the scenario by these pairs of clocks, in the long form by all, and prints the size. Fewer states than
/// `at_least` mean an error in the search.
async fn explore(name: &str, scenario: Scenario, clocks: &[[u64; 2]], at_least: usize) {
    let begun = Instant::now();
    let server = RedisServer::start();
    let mut all = SearchSummary::default();
    let mut walk = RandomWalk::of(scenario.clients.len(), server.port()).await;
    for &ahead_ms in if is_long() { &CLOCKS } else { clocks } {
        let scenario = scenario.with_clocks(&ahead_ms);
        let mut search =
            InterleavingSearch::of(scenario.clone(), server.port(), KeySpace::of(server.port()).await).await;
        match search.run(SearchOrder::OnwardFirst).await {
            Ok(explored) => {
                eprintln!("interleavings | {name} | clocks ahead {ahead_ms:?} | {explored} | {:.0?}", begun.elapsed());
                all.add(explored);
            }
            Err(schedule) => panic!("{name}: {schedule}"),
        }
        for seed in 0..WALKS {
            let met = |stage: &WalkStage<'_>| {
                assert!(search.has_visited(stage), "{name}: walk {seed} leaves what was explored");
            };
            if let Err(course) = walk.run(&scenario, search.start(), seed, met).await {
                panic!("{name}: {course}");
            }
        }
    }
    eprintln!("interleavings | {name} | all clocks | {all} | {:.0?}", begun.elapsed());
    assert!(all.states >= at_least, "only {} states were explored, not {at_least}", all.states);
}

/// Whether there is time for everything.
fn is_long() -> bool {
    super::setting("USERD_FAULTS_SECONDS").is_some()
}

/// The larger ones have lost answers in the long form only, so that they fit an ordinary test run.
fn large(scenario: Scenario) -> Scenario {
    Scenario { lost_answers: is_long(), ..scenario }
}

#[tokio::test]
async fn two_sign_ups_for_one_email() {
    explore(
        "two sign-ups for one e-mail",
        Scenario::of(&[], &[&[ScenarioAct::SignUp(1, A)], &[ScenarioAct::SignUp(2, A)]]),
        &CLOCKS,
        1200,
    )
    .await;
}

#[tokio::test]
async fn a_sign_up_and_a_change_to_the_same_email() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::SignUp(2, B)], &[ScenarioAct::Move(1, B)]]);
    explore("a sign-up, a change to the same e-mail", scenario, &CLOCKS, 9500).await;
}

#[tokio::test]
async fn two_users_who_change_to_one_email() {
    let scenario = Scenario::of(&[(1, A), (2, B)], &[&[ScenarioAct::Move(1, C)], &[ScenarioAct::Move(2, C)]]);
    explore("two users change to one e-mail", large(scenario), &CLOCKS[..3], 4000).await;
}

#[tokio::test]
async fn two_users_who_swap_their_emails() {
    let scenario = Scenario::of(&[(1, A), (2, B)], &[&[ScenarioAct::Move(1, B)], &[ScenarioAct::Move(2, A)]]);
    explore("two users swap their e-mails", scenario, &CLOCKS, 2300).await;
}

#[tokio::test]
async fn one_user_there_by_one_client_and_back_by_another() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B)], &[ScenarioAct::Move(1, A)]]);
    explore("one user: there by one, back by another", scenario, &CLOCKS, 3700).await;
}

#[tokio::test]
async fn one_user_to_two_emails_by_two_clients() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B)], &[ScenarioAct::Move(1, C)]]);
    explore("one user: to two e-mails by two", large(scenario), &CLOCKS[..1], 11_000).await;
}

#[tokio::test]
async fn one_user_there_and_back_while_a_new_user_wants_the_email() {
    let scenario =
        Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B), ScenarioAct::Move(1, A)], &[ScenarioAct::SignUp(2, A)]]);
    explore("there and back, a sign-up for the e-mail left", large(scenario), &CLOCKS, 6300).await;
}

#[tokio::test]
async fn a_sign_up_and_the_removal_of_the_present_owner() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::SignUp(2, A)], &[ScenarioAct::Remove(1)]]);
    explore("a sign-up, the removal of the owner", scenario, &CLOCKS, 1000).await;
}

#[tokio::test]
async fn a_change_and_a_removal_of_one_user() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B)], &[ScenarioAct::Remove(1)]]);
    explore("a change, a removal of the same user", scenario, &CLOCKS, 2400).await;
}

#[tokio::test]
async fn a_new_password_and_a_change_of_one_user() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::NewPassword(1)], &[ScenarioAct::Move(1, B)]]);
    explore("a new password, a change of the same user", scenario, &CLOCKS, 1200).await;
}

#[tokio::test]
async fn a_new_password_and_an_ending_of_other_sessions() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::NewPassword(1)], &[ScenarioAct::EndOthers(1)]]);
    explore("a new password, an ending of other sessions", scenario, &CLOCKS[..1], 40).await;
}

#[tokio::test]
async fn two_endings_of_other_sessions_and_a_signing_out() {
    let scenario =
        Scenario::of(&[(1, A)], &[&[ScenarioAct::EndOthers(1), ScenarioAct::SignOut(1)], &[ScenarioAct::EndOthers(1)]]);
    explore("two endings of other sessions, a signing out", scenario, &CLOCKS[..1], 40).await;
}

#[tokio::test]
async fn a_removal_an_ending_of_other_sessions_and_a_signing_out() {
    let scenario =
        Scenario::of(&[(1, A)], &[&[ScenarioAct::Remove(1)], &[ScenarioAct::EndOthers(1), ScenarioAct::SignOut(1)]]);
    explore("a removal, an ending of other sessions", scenario, &CLOCKS[..1], 40).await;
}

#[tokio::test]
async fn two_removals_of_one_user() {
    explore(
        "two removals",
        Scenario::of(&[(1, A)], &[&[ScenarioAct::Remove(1)], &[ScenarioAct::Remove(1)]]),
        &CLOCKS,
        290,
    )
    .await;
}
