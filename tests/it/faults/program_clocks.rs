//! Clocks that jump, of userd and of Redis, while people are signed in. (Row 29 of the fault table.)

use userd_test_support::clock_jumps::WallClock;
use userd_test_support::http::{ask, sign_up};
use userd_test_support::program::Launch;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::sign_ins::{session, sign_in, somebody, text};

const HOUR_S: i64 = 3600;

/// Longer than a session lives without use.
const JUMP_S: i64 = 2 * HOUR_S;

#[tokio::test(flavor = "multi_thread")]
async fn on_redis_sessions_go_by_its_clock_whatever_the_clock_of_a_userd_says() {
    let server = RedisServer::start();
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), WallClock::right());
    let launch = Launch::in_folder(folder.path()).redis(&server).cheap_hashes();
    let (right, jumping) = (launch.start(), launch.clone().environments(clock.environment()).start());
    somebody(right.address(), "ada@example.org").await;
    for ahead_s in [JUMP_S, -JUMP_S, 25 * HOUR_S, 0] {
        let before = text(&sign_in(right.address(), "ada@example.org").await, "token");
        clock.set_ahead_s(ahead_s);
        assert_eq!(session(jumping.address(), &before).await.status, 200, "ahead by {ahead_s} s: one from before");
        let after = text(&sign_in(jumping.address(), "ada@example.org").await, "token");
        for node in [&right, &jumping] {
            assert_eq!(session(node.address(), &after).await.status, 200, "ahead by {ahead_s} s: one from after");
        }
        assert_eq!(ask(jumping.address(), &sign_up("Ada@example.org")).await.status, 409, "ahead by {ahead_s} s");
        assert_eq!(ask(right.address(), &sign_up("ada@Example.org")).await.status, 409, "ahead by {ahead_s} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_redis_a_jump_of_its_own_clock_ends_sessions_at_most_and_nothing_else() {
    let clock = WallClock::right();
    let server = RedisServer::start_in(&clock.environment(), &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let launch = Launch::in_folder(folder.path()).redis(&server).cheap_hashes();
    let userd = launch.start();
    somebody(userd.address(), "ada@example.org").await;
    for ahead_s in [HOUR_S, -HOUR_S, 0] {
        clock.set_ahead_s(ahead_s);
        // This one may go by the clock that Redis had at the last check; one that has just started knows the new one.
        let fresh = launch.start();
        let old = text(&sign_in(userd.address(), "ada@example.org").await, "token");
        let new = text(&sign_in(fresh.address(), "ada@example.org").await, "token");
        assert_eq!(session(fresh.address(), &new).await.status, 200, "ahead by {ahead_s} s: its own");
        for (node, token) in [(&userd, &old), (&userd, &new), (&fresh, &old)] {
            let answer = session(node.address(), token).await;
            assert!(matches!(answer.status, 200 | 401), "ahead by {ahead_s} s: {}", answer.text());
        }
        assert_eq!(ask(userd.address(), &sign_up("Ada@example.org")).await.status, 409, "ahead by {ahead_s} s");
        assert_eq!(ask(fresh.address(), &sign_up("ada@Example.org")).await.status, 409, "ahead by {ahead_s} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store_a_clock_set_ahead_ends_sessions_and_set_back_ends_none() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), WallClock::right());
    let userd = Launch::in_folder(folder.path()).cheap_hashes().environments(clock.environment()).start();
    let address = userd.address();
    somebody(address, "ada@example.org").await;
    let token = text(&sign_in(address, "ada@example.org").await, "token");
    clock.set_ahead_s(-HOUR_S);
    assert_eq!(session(address, &token).await.status, 200, "an hour back");
    let early = text(&sign_in(address, "ada@example.org").await, "token");
    clock.set_ahead_s(JUMP_S);
    for ended in [&token, &early] {
        assert_eq!(session(address, ended).await.status, 401, "two hours ahead");
    }
    let late = text(&sign_in(address, "ada@example.org").await, "token");
    assert_eq!(session(address, &late).await.status, 200, "one from then");
    assert_eq!(ask(address, &sign_up("Ada@example.org")).await.status, 409);
}
