//! Sessions on two real userd processes: a session that one ends is rejected by the other at the next request. (Row 2
//! of the fault table for refresh tokens.)

use serde_json::json;

use userd_test_support::http_client::{PASSWORD, delete, fetch, json_request, status_of, wait_for_status};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::sign_in_requests::{current_session, sign_in, sign_out, sign_up_user, text_field, with_bearer};
use userd_test_support::stores::run_concurrently;
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

const ADA: &str = "ada@example.org";

/// Two userd on one Redis.
fn start_two(server: &RedisServer, folder: &std::path::Path) -> (UserdProcess, UserdProcess) {
    let launch = UserdCommand::in_folder(folder).redis(server).cheap_hashes();
    (launch.start(), launch.start())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_on_one_node_is_rejected_by_the_next_request_on_another() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let (one, other) = start_two(&server, folder.path());
    let id = sign_up_user(one.address(), ADA).await;
    for round in 0..25 {
        let (here, there) = (sign_in(one.address(), ADA).await, sign_in(other.address(), ADA).await);
        let (here, there) = (text_field(&here, "token"), text_field(&there, "token"));
        for token in [&here, &there] {
            assert_eq!(current_session(other.address(), token).await.status, 200, "round {round}");
        }
        assert_eq!(sign_out(one.address(), &here).await.status, 200, "round {round}");
        assert_eq!(current_session(other.address(), &here).await.status, 401, "round {round}: signed out");
        let third = text_field(&sign_in(one.address(), ADA).await, "token");
        let change = json!({"password": PASSWORD, "new_password": PASSWORD});
        let change = with_bearer(&third, json_request("PATCH", &format!("/api/users/{id}"), &change));
        assert_eq!(fetch(one.address(), &change).await.status, 200, "round {round}");
        assert_eq!(current_session(other.address(), &there).await.status, 401, "round {round}: another password");
        assert_eq!(current_session(other.address(), &third).await.status, 200, "round {round}: the current session");
        let others = format!("DELETE /api/users/{id}/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        let fourth = text_field(&sign_in(other.address(), ADA).await, "token");
        assert_eq!(fetch(one.address(), &with_bearer(&fourth, others)).await.status, 200, "round {round}");
        assert_eq!(current_session(other.address(), &third).await.status, 401, "round {round}: all others");
        assert_eq!(current_session(one.address(), &fourth).await.status, 200, "round {round}: the current session");
    }
    let last = text_field(&sign_in(one.address(), ADA).await, "token");
    assert_eq!(fetch(one.address(), &delete(&id)).await.status, 200);
    assert_eq!(current_session(other.address(), &last).await.status, 401, "no session is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_uses_of_one_refresh_token_over_two_nodes_rotate_it_once() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let (one, other) = start_two(&server, folder.path());
    sign_up_user(one.address(), ADA).await;
    let signed_in = sign_in(one.address(), ADA).await;
    let refresh = |token: &str| json_request("POST", "/api/token/refresh", &json!({"refresh_token": token}));
    let mut current = text_field(&signed_in, "refresh_token");
    for round in 0..10 {
        let uses = (0..16).map(|number| {
            let address = if number % 2 == 0 { one.address() } else { other.address() };
            let request = refresh(&current);
            async move { fetch(address, &request).await }
        });
        let answers = run_concurrently(uses.collect::<Vec<_>>()).await;
        let mut next: Vec<String> = Vec::new();
        for answer in &answers {
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
            next.push(text_field(&answer.json(), "refresh_token"));
        }
        next.sort_unstable();
        next.dedup();
        assert_eq!(next.len(), 1, "round {round}: every use gets the same next token");
        assert_ne!(next[0], current, "round {round}");
        current.clone_from(&next[0]);
    }
    assert_eq!(
        current_session(other.address(), &text_field(&signed_in, "token")).await.status,
        200,
        "the session goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_no_session_is_accepted_or_ended_and_afterwards_sessions_go_on() {
    let mut server = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let userd = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().start();
    sign_up_user(userd.address(), ADA).await;
    let token = text_field(&sign_in(userd.address(), ADA).await, "token");
    server.kill();
    for forged in [token.clone(), token.replace("v1.", "v1.0")] {
        let answer = current_session(userd.address(), &forged).await;
        assert!(matches!(answer.status, 401 | 503), "{}", answer.text());
        assert!(forged != token || answer.is_retryable_503(), "{}", answer.text());
    }
    assert!(sign_out(userd.address(), &token).await.is_retryable_503());
    server.start_again();
    wait_for_status(userd.address(), "/health/ready", 200).await;
    assert_eq!(current_session(userd.address(), &token).await.status, 200);
    assert_eq!(sign_out(userd.address(), &token).await.status, 200);
    assert_eq!(current_session(userd.address(), &token).await.status, 401);
    assert_eq!(status_of(userd.address(), "/ping").await, 200);
}
