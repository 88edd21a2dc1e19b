//! Traces of the real program, as a collector receives them. Only with the feature `otlp`: `make test-otlp`.
//!
//! Protobuf contains strings and ids as they are, so the test searches for them and decodes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use userd_test_support::http_client::{PASSWORD, fetch, json_request, sign_up};
use userd_test_support::retry::retry_until_some;
use userd_test_support::userd_process::UserdCommand;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that records what it receives; dropping it ends it.
struct OtlpCollector {
    got: Arc<Mutex<Vec<u8>>>,
    endpoint: String,
    _task: JoinSet<()>,
}

impl OtlpCollector {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().expect("it listens"));
        let got = Arc::<Mutex<Vec<u8>>>::default();
        let (kept, mut task) = (Arc::clone(&got), JoinSet::new());
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One batch after another: a broken connection does not affect the next.
                let _ = take(stream, &kept).await;
            }
        });
        Self { got, endpoint, _task: task }
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        got.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// Reads one request, and closes the connection with the response.
async fn take(mut stream: TcpStream, kept: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let end = loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        if let Some(at) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1") && head.contains("application/x-protobuf"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).expect("a body has a length");
    while request.len() < end + length {
        stream.read_buf(&mut request).await?;
    }
    kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&request[end..]);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await
}

fn raw(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.bytes().map(|digit| if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 }).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_a_span_in_its_callers_trace_and_contains_no_personal_data() {
    let collector = OtlpCollector::start().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let serving =
        UserdCommand::in_folder(folder.path()).cheap_hashes().set("otlp.endpoint", &collector.endpoint).start();
    let address = serving.address();
    assert_eq!(fetch(address, &sign_up("ada@example.com")).await.status, 200);
    let login = json_request("POST", "/api/login", &json!({"email": "ada@example.com", "password": PASSWORD}));
    let login = String::from_utf8(login).expect("it is text");
    let login = login.replacen("\r\n", &format!("\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"), 1);
    assert_eq!(fetch(address, login.as_bytes()).await.status, 200);
    // The rest is sent at the end.
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("trace_id=\"{TRACE}\"")), "{log}");
    retry_until_some("the spans have come", async || collector.holds(&raw(TRACE)).then_some(())).await;
    for text in ["POST /api/login", "POST /api/users", "open-session", "create-user", "hash", "userd"] {
        assert!(collector.holds(text.as_bytes()), "no span says {text}");
    }
    for personal in ["ada@example.com", "Ada Lovelace", PASSWORD] {
        assert!(!collector.holds(personal.as_bytes()), "{personal} is in a span");
    }
}
