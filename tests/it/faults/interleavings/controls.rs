//! Negative controls: one script is broken on purpose, in the server only, and the search must find the violation.

use super::explore::{InterleavingSearch, SearchOrder};
use super::scenario::{A, B, C, CLOCKS, Scenario, ScenarioAct};
use userd_test_support::key_space::KeySpace;
use userd_test_support::redis_server::RedisServer;

/// A script as the store loads it. Scripts that only free memory may run without memory; see `script` in the store.
macro_rules! script {
    ($name:literal, $flags:literal) => {
        concat!(
            "#!lua",
            $flags,
            "\n",
            include_str!("../../../../crates/store-redis/src/scripts/prelude.lua"),
            include_str!(concat!("../../../../crates/store-redis/src/scripts/", $name, ".lua"))
        )
    };
}

const CLAIM: &str = script!("claim", "");
const CHANGE_COMMIT: &str = script!("change_commit", "");
const RELEASE: &str = script!("release", " flags=allow-oom");
const REMOVE: &str = script!("delete_user", " flags=allow-oom");
const RESOLVE: &str = script!("resolve", " flags=allow-oom");
const SIGN_UP_ABORT: &str = script!("sign_up_abort", " flags=allow-oom");

const END_OTHER_SESSIONS: &str = concat!(
    "#!lua flags=allow-oom\n",
    include_str!("../../../../crates/store-redis/src/scripts/prelude.lua"),
    include_str!("../../../../crates/store-redis/src/scripts/sessions.lua"),
    include_str!("../../../../crates/store-redis/src/scripts/revoke_other_sessions.lua")
);

/// Searches with `part` of a script replaced, by every pair of clocks, until a violation is found, which must begin
/// with `expected`.
async fn is_caught(scenario: Scenario, script: &str, part: &str, instead: &str, expected: &str) {
    let server = RedisServer::start();
    assert_eq!(script.matches(part).count(), 1, "the script has the part that is broken");
    let mut replaced_runs = 0;
    for ahead_ms in CLOCKS {
        let mut key_space = KeySpace::of(server.port()).await;
        key_space.replace_script(script, &script.replace(part, instead)).await;
        let mut search = InterleavingSearch::of(scenario.with_clocks(&ahead_ms), server.port(), key_space).await;
        let found = search.run(SearchOrder::NearestFirst).await;
        replaced_runs += search.replaced_runs();
        if let Err(schedule) = found {
            assert!(schedule.contains(expected), "found something, but not {expected}: {schedule}");
            return;
        }
    }
    panic!("nothing was found, although the broken script ran {replaced_runs} times");
}

fn two_sign_ups() -> Scenario {
    Scenario::of(&[], &[&[ScenarioAct::SignUp(1, A)], &[ScenarioAct::SignUp(2, A)]])
}

#[tokio::test]
async fn a_take_over_that_does_not_kill_the_old_sign_up_first_is_caught() {
    let kill = "write_tombstone(KEYS[1], 'X', ver, '', '', ARGV[4])";
    is_caught(two_sign_ups(), RESOLVE, kill, "", "I1/I2").await;
}

#[tokio::test]
async fn a_take_over_that_does_not_kill_the_old_change_first_is_caught() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B)], &[ScenarioAct::SignUp(2, B)]]);
    is_caught(scenario, RESOLVE, "redis.call('HDEL', KEYS[1], 'chg', 'till')", "", "I1/I2").await;
}

#[tokio::test]
async fn a_release_that_compares_only_the_user_is_caught() {
    let scenario =
        Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B), ScenarioAct::Move(1, A)], &[ScenarioAct::NewPassword(1)]]);
    let exactly = "if redis.call('GET', KEYS[1]) == ARGV[1] then";
    let loosely = "if string.sub(redis.call('GET', KEYS[1]) or '', 1, 36) == string.sub(ARGV[1], 1, 36) then";
    is_caught(scenario, RELEASE, exactly, loosely, "I1/I2").await;
}

#[tokio::test]
async fn a_claim_that_overwrites_is_caught() {
    is_caught(two_sign_ups(), CLAIM, "if present ~= ARGV[1] then return {'held', present} end", "", "I4:").await;
}

#[tokio::test]
async fn an_abort_that_leaves_no_tombstone_is_caught() {
    let bury = "if st == 'P' then write_tombstone(KEYS[1], 'X', ver, '', '', ARGV[1]) end";
    is_caught(two_sign_ups(), SIGN_UP_ABORT, bury, "redis.call('DEL', KEYS[1])", "I5:").await;
}

#[tokio::test]
async fn a_deletion_that_leaves_no_tombstone_is_caught() {
    let scenario =
        Scenario::of(&[], &[&[ScenarioAct::SignUp(1, A), ScenarioAct::Remove(1)], &[ScenarioAct::SignUp(2, A)]]);
    is_caught(
        scenario,
        REMOVE,
        "write_tombstone(KEYS[1], 'D', ver, ARGV[3], rel, ARGV[4])",
        "redis.call('DEL', KEYS[1])",
        "I5:",
    )
    .await;
}

#[tokio::test]
async fn a_change_that_commits_without_comparing_the_op_is_caught() {
    let scenario = Scenario::of(&[(1, A)], &[&[ScenarioAct::Move(1, B)], &[ScenarioAct::Move(1, C)]]);
    is_caught(scenario, CHANGE_COMMIT, "if op ~= ARGV[1] then", "if not op then", "I1/I2").await;
}

fn two_endings_of_other_sessions() -> Scenario {
    Scenario::of(&[(1, A)], &[&[ScenarioAct::EndOthers(1)], &[ScenarioAct::EndOthers(1)]])
}

#[tokio::test]
async fn an_ending_of_sessions_that_ends_those_of_a_later_epoch_is_caught() {
    let compare = "if epoch ~= tonumber(ARGV[1]) then return 'raced' end";
    is_caught(two_endings_of_other_sessions(), END_OTHER_SESSIONS, compare, "", "sessions").await;
}

#[tokio::test]
async fn an_ending_of_sessions_that_leaves_the_one_that_stays_in_the_old_epoch_is_caught() {
    let script = END_OTHER_SESSIONS;
    is_caught(two_endings_of_other_sessions(), script, "with_epoch(core, epoch))\nend", "core)\nend", "I1/I2").await;
}
