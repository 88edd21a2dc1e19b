//! The real userd told to stop while it is busy. (Row 19 of the fault table; with handlers of the tests' own
//! in `http::launching`.)
//!
//! What is promised, and so asserted: a request whose body userd has begun to read is answered; no answer is
//! cut within; every connection ends at most once without an answer, and that is a request that was sent
//! while the idle connection was being closed. HTTP/1.1 has no way to tell that race from a request that was
//! read (RFC 9112, section 9.3.1), so a client has to repeat it, or ask what became of it.

use std::net::SocketAddr;

use crate::support::http::{Connection, sign_up};
use crate::support::load::{Load, assert_all_there, count_of_whole, users_count};
use crate::support::program::Launch;
use crate::support::redis_server::RedisServer;

const CLIENTS: usize = 16;

/// Begins a sign-up, and returns when userd waits for its body: then it certainly is under way.
async fn under_way(address: SocketAddr, email: &str) -> (Connection, Vec<u8>) {
    let whole = sign_up(email);
    let end = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head has an end");
    let mut connection = Connection::to(address).await;
    connection.send(&whole[..end]).await;
    connection.send(b"\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(connection.answer().await.expect("an answer").status, 100);
    (connection, whole[end + 4..].to_vec())
}

async fn stop_under_load(launch: &Launch) {
    let mut serving = launch.start();
    let address = serving.address();
    let mut begun = Vec::new();
    for number in 0..10 {
        begun.push((
            format!("begun-{number}@example.org"),
            under_way(address, &format!("begun-{number}@example.org")).await,
        ));
    }
    let load = Load::start(address, CLIENTS, "load");
    load.until_more_acknowledged(300).await;
    serving.terminate();
    serving.line_with("stopping: finishing the requests under way");
    let mut acknowledged = Vec::new();
    for (email, (mut connection, body)) in begun {
        assert!(connection.send(&body).await, "{email}");
        let answer = connection.answer().await.unwrap_or_else(|broken| panic!("{email} was under way: {broken:?}"));
        assert_eq!(answer.status, 200, "{email}: {}", answer.text());
        acknowledged.push((email, answer.id()));
        assert!(connection.is_closed().await, "nothing more is taken on a connection");
    }
    let tally = load.until_nobody_listens().await;
    assert_eq!(serving.wait(), Some(0), "{}", serving.log());
    tally.assert_decent();
    assert_eq!(tally.refused(), 0, "{:?}", tally.statuses);
    assert!(tally.unanswered.len() <= CLIENTS, "{:?}", tally.unanswered);
    acknowledged.extend(tally.acknowledged);
    let again = launch.start();
    assert_all_there(again.address(), &acknowledged).await;
    // A request that got no answer was not read, so nothing became of it.
    let read = count_of_whole(again.address(), &tally.unanswered).await;
    assert_eq!(users_count(again.address()).await, acknowledged.len() + read);
    assert_eq!(read, 0, "userd did it, and did not say so: {:?}", tally.unanswered);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_on_the_embedded_store_answers_what_is_under_way_and_ends_with_0() {
    let folder = tempfile::tempdir().expect("a folder");
    stop_under_load(&Launch::in_folder(folder.path()).cheap_hashes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_on_redis_answers_what_is_under_way_and_ends_with_0() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    stop_under_load(&Launch::in_folder(folder.path()).redis(&server).cheap_hashes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_at_once_with_a_request_under_way() {
    let folder = tempfile::tempdir().expect("a folder");
    // Longer than the test waits: whoever waits for the request fails.
    let launch = Launch::in_folder(folder.path()).cheap_hashes();
    let mut serving = launch.set("shutdown_grace_s", "600").set("http.body_timeout_ms", "600000").start();
    let (_connection, _body) = under_way(serving.address(), "ada@example.org").await;
    serving.terminate();
    serving.line_with("stopping: finishing the requests under way");
    serving.terminate();
    serving.line_with("stopped at once by a second signal; 1 requests were cut off");
    assert_eq!(serving.wait(), Some(1));
}
