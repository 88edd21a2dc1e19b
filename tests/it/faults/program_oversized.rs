//! Bodies that are too large, endless, compressed, or too deep: refused early, without buffering them.
//! (Row 21 of the fault table.)

use std::net::SocketAddr;

use serde_json::json;

use userd_test_support::http_client::{HttpConnection, HttpResponse, fetch, json_request, sign_up};
use userd_test_support::userd_process::UserdCommand;

/// What all of it together may cost: userd's own buffers are 64 KiB a request at most; the rest is room for what
/// a debug build's allocator keeps for its threads.
const GROWTH_KIB_MAX: u64 = 8 * 1024;

/// How much of an endless body is sent at most; the limit of a body is 16 KiB.
const ENDLESS_BYTES_MAX: usize = 1024 * 1024;

const HEAD: &str = "POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

async fn post(address: SocketAddr, headers: &str, body: &[u8]) -> HttpResponse {
    let head = format!("{HEAD}{headers}Content-Length: {}\r\n\r\n", body.len());
    fetch(address, &[head.as_bytes(), body].concat()).await
}

/// Sends chunks without end until the answer comes.
async fn endless(address: SocketAddr) -> HttpResponse {
    let mut connection = HttpConnection::to(address).await;
    connection.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let mut sent = 0;
    // A refused write means that the other end has closed: then the answer is there, or never will be.
    while sent < ENDLESS_BYTES_MAX && connection.send(chunk.as_bytes()).await {
        sent += 0x1000;
        if connection.has_response().await {
            break;
        }
    }
    connection.answer().await.unwrap_or_else(|broken| panic!("{broken:?} after {sent} bytes"))
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_bodies_are_refused_without_buffering_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    let address = serving.address();
    for number in 0..50 {
        assert_eq!(fetch(address, &sign_up(&format!("warm-{number}@example.org"))).await.status, 200);
    }
    let before = serving.memory_kib();
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    // Runs of 258 zero bytes, compressed a thousandfold; userd must never decompress it.
    packed.extend([0xed, 0xc1, 0x01, 0x01].into_iter().cycle().take(16_000));
    let arrays = [vec![b'['; 5_000], vec![b']'; 5_000]].concat();
    let unclosed = vec![b'['; 10_000];
    let objects = format!("{}1{}", "{\"a\":".repeat(2_300), "}".repeat(2_300));
    let inside = format!("{{\"name\":{}1{},\"email\":1,\"password\":1}}", "[".repeat(5_000), "]".repeat(5_000));
    for round in 0..20 {
        let most = json_request("POST", "/api/users", &json!({"name": "x".repeat(16 * 1024 - 11)}));
        assert_eq!(fetch(address, &most).await.status, 422, "16 KiB are still looked at");
        let more = json_request("POST", "/api/users", &json!({"name": "x".repeat(16 * 1024 - 10)}));
        assert_eq!(fetch(address, &more).await.status, 413, "16 KiB + 1");
        // Rocket handles no request before the first 14 bytes of its body, see `program_clients`.
        let announced = format!("{HEAD}Content-Length: 1073741824\r\n\r\n{}", " ".repeat(14));
        assert_eq!(fetch(address, announced.as_bytes()).await.status, 413, "1 GiB announced");
        assert_eq!(endless(address).await.status, 413, "an endless body");
        let gzip = post(address, "Content-Encoding: gzip\r\n", &packed).await;
        assert_eq!(gzip.status, 415, "{}", gzip.text());
        assert_eq!(post(address, "", &packed).await.status, 400, "compressed, and declared as JSON");
        for deep in [&arrays[..], &unclosed, objects.as_bytes(), inside.as_bytes()] {
            let answer = post(address, "", deep).await;
            assert!([400, 422].contains(&answer.status), "round {round}: {}", answer.text());
        }
    }
    let grown = serving.memory_peak_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more");
    assert_eq!(fetch(address, &sign_up("after@example.org")).await.status, 200);
}
