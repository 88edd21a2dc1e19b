//! The real userd stopped by a signal while it is busy. (Row 19 of the fault table; `http::server` tests it with
//! handlers of its own.)
//!
//! What is promised, and so asserted: a request whose body userd has begun to read is answered; no answer is
//! truncated; and a request without an answer has had no effect. Such a request was sent on a
//! connection that was being closed, or had just been made; HTTP/1.1 leaves that race to the client (RFC 9112,
//! section 9.3.1), which may therefore repeat even a sign-up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::Notify;

use userd_test_support::fault_proxy::{FaultProxy, ProxyAction};
use userd_test_support::http_client::{HttpConnection, body_offset, sign_up};
use userd_test_support::load::{LoadGenerator, assert_all_present, count_complete, users_count};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

const CLIENTS: usize = 16;

/// Begins a sign-up: userd has requested the body, and gets half of it. Returns the rest.
async fn begin(address: SocketAddr, email: &str) -> (HttpConnection, Vec<u8>) {
    let whole = sign_up(email);
    let (head, body) = whole.split_at(body_offset(&whole));
    let mut connection = HttpConnection::to(address).await;
    connection.send(&head[..head.len() - 2]).await;
    connection.send(b"Expect: 100-continue\r\n\r\n").await;
    assert_eq!(connection.answer().await.expect("an answer").status, 100);
    let (half, rest) = body.split_at(body.len() / 2);
    connection.send(half).await;
    (connection, rest.to_vec())
}

async fn stop_under_load(launch: &UserdCommand) {
    let mut serving = launch.start();
    let address = serving.address();
    let mut begun = Vec::new();
    for number in 0..10 {
        let email = format!("begun-{number}@example.org");
        let (connection, rest) = begin(address, &email).await;
        begun.push((email, connection, rest));
    }
    let load = LoadGenerator::start(address, CLIENTS, "load");
    load.wait_until_more_acknowledged(300).await;
    serving.terminate();
    serving.wait_for_log_line("stopping: finishing the requests in flight");
    let mut acknowledged = Vec::new();
    for (email, mut connection, rest) in begun {
        assert!(connection.send(&rest).await, "{email}");
        let answer = connection.answer().await.unwrap_or_else(|broken| panic!("{email} was under way: {broken:?}"));
        assert_eq!(answer.status, 200, "{email}: {}", answer.text());
        acknowledged.push((email, answer.id()));
        assert!(connection.is_closed().await, "nothing more is taken on a connection");
    }
    let tally = load.wait_until_server_is_gone().await;
    assert_eq!(serving.wait(), Some(0), "{}", serving.log());
    tally.assert_only_expected_responses();
    assert_eq!(tally.refused(), 0, "{:?}", tally.statuses);
    acknowledged.extend(tally.acknowledged);
    let again = launch.start();
    assert_all_present(again.address(), &acknowledged).await;
    let done = count_complete(again.address(), &tally.unanswered).await;
    assert_eq!(done, 0, "done without an answer: {:?}", tally.unanswered);
    assert_eq!(users_count(again.address()).await, acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_on_the_embedded_store_answers_what_is_under_way_and_ends_with_0() {
    let folder = tempfile::tempdir().expect("a folder");
    stop_under_load(&UserdCommand::in_folder(folder.path()).cheap_hashes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_on_redis_answers_what_is_under_way_and_ends_with_0() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    stop_under_load(&UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes()).await;
}

/// A userd whose only request, a sign-up, waits for its first step on Redis until `go_on` is notified. Redis, proxy and
/// folder live as long as the rest.
struct WaitingSignUp {
    serving: UserdProcess,
    connection: HttpConnection,
    go_on: Arc<Notify>,
    _resources: (RedisServer, FaultProxy, TempDir),
}

impl WaitingSignUp {
    async fn start() -> Self {
        let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
        // The first userd makes the keys that sign tokens, which is a step, too.
        drop(UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().start());
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let held = ProxyAction::Hold(Arc::clone(&arrived), Arc::clone(&go_on));
        // The first two steps are those of connecting.
        let proxy =
            FaultProxy::start(server.port(), move |step| if step == 2 { held.clone() } else { ProxyAction::Forward })
                .await;
        let launch = UserdCommand::in_folder(folder.path()).store(&format!("redis://127.0.0.1:{}/0", proxy.port()));
        // Longer than the test waits, so that a call that wrongly waits for the request fails.
        let launch = launch.cheap_hashes().set("redis.timeout_ms", "60000").set("shutdown_grace_s", "600");
        let serving = launch.start();
        let mut connection = HttpConnection::to(serving.address()).await;
        assert!(connection.send(&sign_up("ada@example.org")).await);
        arrived.notified().await;
        Self { serving, connection, go_on, _resources: (server, proxy, folder) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_for_a_request_that_waits_for_redis_and_ends_with_0() {
    let mut waiting = WaitingSignUp::start().await;
    waiting.serving.terminate();
    waiting.serving.wait_for_log_line("stopping: finishing the requests in flight");
    // Longer than idle connections get to close.
    waiting.serving.assert_keeps_running_for(Duration::from_secs(1));
    waiting.go_on.notify_one();
    let answer = waiting.connection.answer().await.unwrap_or_else(|broken| panic!("it was under way: {broken:?}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(waiting.serving.wait(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_at_once_with_a_request_under_way() {
    let mut waiting = WaitingSignUp::start().await;
    waiting.serving.terminate();
    waiting.serving.wait_for_log_line("stopping: finishing the requests in flight");
    waiting.serving.terminate();
    waiting.serving.wait_for_log_line("stopped at once by a second signal; 1 requests were cut off");
    assert_eq!(waiting.serving.wait(), Some(1));
}
