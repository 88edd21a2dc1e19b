//! Clients that hold connections and send nothing, or send slowly. (Rows 20 and 27 of the fault table.)
//!
//! Before userd's own code sees a request, Rocket 0.5.2 waits for the first 14 bytes of its body (it looks for
//! the `_method` of a form). A body that stops before them is like a head that stops: only the client, or
//! the proxy in front, ends it. From there on `body_timeout_ms` counts.

use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use userd_test_support::http_client::{HttpConnection, body_offset, fetch, get, sign_up, status_of};
use userd_test_support::userd_process::UserdCommand;

/// Connections of each kind that stalls.
const STALLED: usize = 200;

/// Connections that idle.
const IDLE: usize = 2_000;

/// Memory for each idle connection, in bytes: measured are 16 KiB in a debug build, whose futures are larger than
/// those of a release build; the benchmarks have that one's figure.
const IDLE_BYTES_MAX: u64 = 20 * 1024;

/// Raises the limit of open files as far as the system lets us; each connection needs one at each end.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit is free");
    assert!(
        limit.maximum.is_none_or(|most| most > 2 * IDLE as u64),
        "this test opens {IDLE} connections, and only {:?} files may be open: raise it with `ulimit -Hn`",
        limit.maximum
    );
}

/// Connections that have each sent `beginning` and stop there.
async fn stalled(address: SocketAddr, beginning: &[u8], count: usize) -> Vec<HttpConnection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = HttpConnection::to(address).await;
        assert!(connection.send(beginning).await);
        connections.push(connection);
    }
    connections
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_stalled_connections_block_no_other_client_and_slow_bodies_time_out() {
    raise_open_files();
    let folder = tempfile::tempdir().expect("a folder");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().set("http.body_timeout_ms", "300").start();
    let address = serving.address();
    assert_eq!(fetch(address, &sign_up("first@example.org")).await.status, 200);
    let before = serving.open_files();
    let in_line = stalled(address, b"GET /api/us", STALLED).await;
    let in_head = stalled(address, b"GET /api/users HTTP/1.1\r\nHost: localhost\r\nAccept: applic", STALLED).await;
    let whole = sign_up("never@example.org");
    let mut in_body = stalled(address, &whole[..whole.len() - 10], STALLED).await;
    let before_body = stalled(address, &whole[..body_offset(&whole) + 13], STALLED).await;
    // Some may be counted in `before` that have closed since.
    serving.wait_for_open_files_at_least(before + 3 * STALLED - 10);
    for number in 0..20 {
        assert_eq!(fetch(address, &sign_up(&format!("ada-{number}@example.org"))).await.status, 200);
        assert_eq!(status_of(address, &format!("/api/users/ada-{number}@example.org")).await, 200);
    }
    for connection in &mut in_body {
        let answer = connection.answer().await.expect("an answer");
        assert_eq!(answer.status, 408, "{}", answer.text());
        assert!(connection.is_closed().await, "the rest would be read as a request");
    }
    // Those with a slow body are gone; the others stay for as long as their clients like.
    serving.wait_for_open_files_at_most(before + 3 * STALLED + 10);
    drop((in_line, in_head, in_body, before_body));
    serving.wait_for_open_files_at_most(before + 10);
    assert_eq!(status_of(address, "/api/users/never@example.org").await, 404);
    assert_eq!(serving.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_are_all_served_and_cost_little() {
    raise_open_files();
    let folder = tempfile::tempdir().expect("a folder");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    let address = serving.address();
    let request = get("/ping");
    // What the first hundred need, others use again.
    let mut connections = stalled(address, b"", 100).await;
    for connection in &mut connections {
        assert_eq!(connection.fetch(&request).await.expect("an answer").status, 200);
    }
    let before = serving.memory_kib();
    for _ in 0..IDLE {
        let mut connection = HttpConnection::to(address).await;
        assert_eq!(connection.fetch(&request).await.expect("an answer").status, 200);
        connections.push(connection);
    }
    let each = serving.memory_kib().saturating_sub(before) * 1024 / IDLE as u64;
    assert!(each < IDLE_BYTES_MAX, "{each} bytes for each idle connection");
    for connection in &mut connections {
        assert_eq!(connection.fetch(&request).await.expect("an answer").status, 200, "still served");
    }
    assert_eq!(fetch(address, &sign_up("ada@example.org")).await.status, 200, "and new ones too");
}
