//! What the log contains about requests, and what it never contains.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use insta::assert_snapshot;
use rocket::http::Method::{Delete, Get, Head, Post};
use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use userd_core::Scope;

use super::test_app::{TestApp, bearer, make_key};
use super::{PASSWORD, TestClient, client_with_store};
use userd_store::memory::{INTERNAL_DETAIL, InjectedFault};

/// Captures everything that this thread logs while it lives.
struct CapturedLog {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

struct LogSink(Arc<Mutex<Vec<u8>>>);

impl io::Write for LogSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl CapturedLog {
    fn open() -> Self {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || LogSink(Arc::clone(&sink)))
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Everything so far, as text and line by line.
    fn read(&self) -> (String, Vec<Value>) {
        let text = String::from_utf8(self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let text = text.expect("the log is text");
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        (text, lines)
    }
}

fn access(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["target"] == "userd::access").collect()
}

async fn request_every_endpoint(api: &TestClient) {
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    api.get("/api/users/ada@example.com").await;
    api.get("/api/users/unknown@example.com").await;
    api.get("/ada@example.com").await;
    api.json(Post, "/api/users", format!(r#"{{"name":"Ada","email":"bad@@example.com","password":"{PASSWORD}"}}"#))
        .await;
    api.json(Delete, &format!("/api/users/{id}"), r#"{"password":"a wrong password"}"#).await;
    api.json(Delete, &format!("/api/users/{id}"), format!(r#"{{"password":"{PASSWORD}"}}"#)).await;
}

#[rocket::async_test]
async fn each_request_is_one_line_with_its_pattern_and_never_its_path() {
    let (api, _) = client_with_store().await;
    let log = CapturedLog::open();
    api.send(Head, "/api/users/ada@example.com?token=x", &[("X-Request-Id", "mine")], "").await;
    api.get("/nothing").await;
    let (text, lines) = log.read();
    let lines = access(&lines);
    assert_eq!(lines.len(), 2, "{text}");
    let expect = [("mine", "HEAD", "/api/users/<_>", 404), ("t", "GET", "-", 404)];
    for (line, (id, method, route, status)) in lines.iter().zip(expect) {
        assert_eq!(
            (&line["id"], &line["method"], &line["route"], &line["status"]),
            (&id.into(), &method.into(), &route.into(), &status.into())
        );
        assert!(line["duration_us"].as_u64().is_some(), "{line}");
    }
    assert!(!text.contains("example.com") && !text.contains("token"), "{text}");
}

#[rocket::async_test]
async fn the_access_log_has_the_kind_of_caller_and_the_trace() {
    let app = TestApp::with_api_key().await;
    let key = make_key(&app.store, 2, &[Scope::UsersRead]).await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let log = CapturedLog::open();
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    let path = format!("/api/users/{}", ada.id);
    for shown in [Vec::new(), bearer(&ada.token), [bearer(&key), vec![trace]].concat()] {
        app.fetch(Get, &path, &shown, "").await;
    }
    app.fetch(Get, "/ping", &Vec::new(), "").await;
    let (text, lines) = log.read();
    let lines = access(&lines).into_iter().cloned().map(|mut line| {
        // These values differ with each request.
        assert!(line["timestamp"].is_string() && line["duration_us"].is_u64(), "{line}");
        line["timestamp"] = "…".into();
        line["duration_us"] = 0.into();
        line.to_string()
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    {"bytes":233,"duration_us":0,"id":"t","level":"INFO","method":"GET","principal":"anonymous","route":"/api/users/<_>","status":401,"target":"userd::access","timestamp":"…"}
    {"bytes":164,"duration_us":0,"id":"t","level":"INFO","method":"GET","principal":"session","route":"/api/users/<_>","status":200,"target":"userd::access","timestamp":"…"}
    {"api_key_id":"fdb87aac7f31faee","bytes":164,"duration_us":0,"id":"t","level":"INFO","method":"GET","principal":"api_key","route":"/api/users/<_>","status":200,"target":"userd::access","timestamp":"…","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}
    {"bytes":5,"duration_us":0,"id":"t","level":"INFO","method":"GET","principal":"-","route":"/ping","status":200,"target":"userd::access","timestamp":"…"}
    "#);
    assert!(!text.contains(&ada.id) && !text.contains("example.com"), "{text}");
}

#[rocket::async_test]
async fn no_email_no_password_and_no_hash_is_ever_logged() {
    let (api, _) = client_with_store().await;
    let log = CapturedLog::open();
    request_every_endpoint(&api).await;
    let (text, lines) = log.read();
    assert_eq!(access(&lines).len(), 7);
    for secret in ["example.com", "Ada", PASSWORD, "a wrong password", "$argon2"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[rocket::async_test]
async fn a_failure_is_logged_once_with_its_whole_chain_and_its_request() {
    let (api, store) = client_with_store().await;
    for (fault, level) in [(InjectedFault::Unavailable, "WARN"), (InjectedFault::Corrupt, "ERROR")] {
        let log = CapturedLog::open();
        store.fail_at(0, fault);
        api.send(Get, "/api/users", &[("X-Request-Id", "mine")], "").await;
        assert!(store.has_failed());
        let (text, lines) = log.read();
        let logged: Vec<_> = lines.iter().filter(|line| line["level"] == level).collect();
        assert_eq!(logged.len(), 1, "{text}");
        assert_eq!(logged[0]["id"], "mine");
        let chain = logged[0]["cause"].as_str().expect("a chain");
        assert!(chain.starts_with("the store failed: ") && chain.ends_with(INTERNAL_DETAIL), "{chain}");
        assert_eq!(text.matches(INTERNAL_DETAIL).count(), 1, "{text}");
    }
}
