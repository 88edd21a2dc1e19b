//! Clocks that jump, of userd and of Redis, while users are signed in. (Row 29 of the fault table.)

use userd_test_support::clock_skew::SkewedClock;
use userd_test_support::http_client::{fetch, sign_up};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::sign_in_requests::{current_session, sign_in, sign_up_user, text_field};
use userd_test_support::userd_process::UserdCommand;

const HOUR_S: i64 = 3600;

/// Longer than a session lives without use.
const JUMP_S: i64 = 2 * HOUR_S;

#[tokio::test(flavor = "multi_thread")]
async fn on_redis_sessions_go_by_its_clock_whatever_the_clock_of_a_userd_says() {
    let server = RedisServer::start();
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), SkewedClock::accurate());
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes();
    let (right, jumping) = (launch.start(), launch.clone().with_environment(clock.environment()).start());
    sign_up_user(right.address(), "ada@example.org").await;
    for ahead_s in [JUMP_S, -JUMP_S, 25 * HOUR_S, 0] {
        let before = text_field(&sign_in(right.address(), "ada@example.org").await, "token");
        clock.set_skew_s(ahead_s);
        assert_eq!(
            current_session(jumping.address(), &before).await.status,
            200,
            "ahead by {ahead_s} s: one from before"
        );
        let after = text_field(&sign_in(jumping.address(), "ada@example.org").await, "token");
        for node in [&right, &jumping] {
            assert_eq!(
                current_session(node.address(), &after).await.status,
                200,
                "ahead by {ahead_s} s: one from after"
            );
        }
        assert_eq!(fetch(jumping.address(), &sign_up("Ada@example.org")).await.status, 409, "ahead by {ahead_s} s");
        assert_eq!(fetch(right.address(), &sign_up("ada@Example.org")).await.status, 409, "ahead by {ahead_s} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_redis_a_jump_of_its_own_clock_ends_sessions_at_most_and_nothing_else() {
    let clock = SkewedClock::accurate();
    let server = RedisServer::start_with_environment(&clock.environment(), &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes();
    let userd = launch.start();
    sign_up_user(userd.address(), "ada@example.org").await;
    for ahead_s in [HOUR_S, -HOUR_S, 0] {
        clock.set_skew_s(ahead_s);
        // This one may go by the clock that Redis had at the last check; one that has just started knows the new one.
        let fresh = launch.start();
        let old = text_field(&sign_in(userd.address(), "ada@example.org").await, "token");
        let new = text_field(&sign_in(fresh.address(), "ada@example.org").await, "token");
        assert_eq!(current_session(fresh.address(), &new).await.status, 200, "ahead by {ahead_s} s: its own");
        for (node, token) in [(&userd, &old), (&userd, &new), (&fresh, &old)] {
            let answer = current_session(node.address(), token).await;
            assert!(matches!(answer.status, 200 | 401), "ahead by {ahead_s} s: {}", answer.text());
        }
        assert_eq!(fetch(userd.address(), &sign_up("Ada@example.org")).await.status, 409, "ahead by {ahead_s} s");
        assert_eq!(fetch(fresh.address(), &sign_up("ada@Example.org")).await.status, 409, "ahead by {ahead_s} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store_a_clock_set_ahead_ends_sessions_and_set_back_ends_none() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), SkewedClock::accurate());
    let userd = UserdCommand::in_folder(folder.path()).cheap_hashes().with_environment(clock.environment()).start();
    let address = userd.address();
    sign_up_user(address, "ada@example.org").await;
    let token = text_field(&sign_in(address, "ada@example.org").await, "token");
    clock.set_skew_s(-HOUR_S);
    assert_eq!(current_session(address, &token).await.status, 200, "an hour back");
    let early = text_field(&sign_in(address, "ada@example.org").await, "token");
    clock.set_skew_s(JUMP_S);
    for ended in [&token, &early] {
        assert_eq!(current_session(address, ended).await.status, 401, "two hours ahead");
    }
    let late = text_field(&sign_in(address, "ada@example.org").await, "token");
    assert_eq!(current_session(address, &late).await.status, 200, "one from then");
    assert_eq!(fetch(address, &sign_up("Ada@example.org")).await.status, 409);
}
