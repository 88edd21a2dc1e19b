//! Tricky strings in every place where a client can put one, against the real program on both stores. (Row 24 of the
//! fault table.)

use std::fmt::Write;
use std::net::SocketAddr;

use serde_json::json;

use userd_test_support::http_client::{HttpConnection, HttpResponse, PASSWORD, get, json_request, status_of};
use userd_test_support::load::users_count;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::stores::audit_database;
use userd_test_support::tricky_strings::{generate_strings, tricky_strings};
use userd_test_support::userd_process::UserdCommand;

const GENERATED: usize = 1_000;

const SEED: u64 = 24;

/// A client that may send anything, and has to get an answer that is no 5xx.
struct FuzzClient {
    address: SocketAddr,
    connection: HttpConnection,
    signed_up: usize,
}

impl FuzzClient {
    async fn to(address: SocketAddr) -> Self {
        Self { address, connection: HttpConnection::to(address).await, signed_up: 0 }
    }

    async fn fetch(&mut self, request: &[u8], what: &str) -> HttpResponse {
        let shown: String = what.chars().take(200).collect();
        let answer = if let Ok(answer) = self.connection.fetch(request).await {
            answer
        } else {
            // The last answer may have ended the connection, as a refused body does.
            self.connection = HttpConnection::to(self.address).await;
            let again = self.connection.fetch(request).await;
            again.unwrap_or_else(|broken| panic!("{shown:?}: {broken:?}"))
        };
        assert!(answer.status < 500, "{shown:?}: {answer:?}");
        answer
    }

    /// Bytes that may be no request, and may leave the connection in any state.
    async fn fetch_raw(&mut self, request: &[u8], what: &str) -> HttpResponse {
        self.connection = HttpConnection::to(self.address).await;
        let answer = self.fetch(request, what).await;
        self.connection = HttpConnection::to(self.address).await;
        answer
    }

    /// Signs a user up; if that succeeds, the user is found as written.
    async fn sign_up(&mut self, name: &str, email: &str, password: &str) -> bool {
        let what = format!("{name} / {email} / {password}");
        let body = json!({"name": name, "email": email, "password": password});
        let answer = self.fetch(&json_request("POST", "/api/users", &body), &what).await;
        if answer.status != 200 {
            assert!([409, 413, 422].contains(&answer.status), "{what:?}: {answer:?}");
            return false;
        }
        self.signed_up += 1;
        let user = answer.json();
        assert_eq!(user["name"], name.trim(), "{what:?}");
        assert_eq!(user["email"], email.trim(), "{what:?}");
        let path = format!("/api/users/{}", answer.id());
        let by_id = self.fetch(&get(&path), &what).await;
        assert_eq!(by_id.text(), answer.text(), "{what:?}");
        let by_email = self.fetch(&get(&format!("/api/users/{}", encoded(email.trim()))), &what).await;
        assert_eq!(by_email.text(), answer.text(), "{what:?}");
        let same = self.fetch(&json_request("PUT", &path, &body), &what).await;
        assert_eq!(same.status, 200, "{what:?} authenticates: {}", same.text());
        true
    }
}

/// Percent-encoded as a whole, so that it is one segment of a path.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        let _ = write!(path, "%{byte:02x}");
        path
    })
}

async fn provoke(address: SocketAddr) {
    let mut client = FuzzClient::to(address).await;
    let texts = tricky_strings();
    assert!(texts.len() >= 150, "{}", texts.len());
    let (mut names, mut emails) = (0, 0);
    for (number, text) in texts.iter().enumerate() {
        names += usize::from(client.sign_up(text, &format!("name-{number}@example.org"), PASSWORD).await);
        emails += usize::from(client.sign_up("Ada", text, PASSWORD).await);
        client.sign_up("Ada", &format!("{text}{number}@example.org"), PASSWORD).await;
        client.sign_up("Ada", &format!("ada@{text}{number}.example"), PASSWORD).await;
        client.sign_up("Ada", &format!("password-{number}@example.org"), &format!("12{text}34")).await;
        client.fetch(&get(&format!("/api/users/{}", encoded(text))), text).await;
        client.fetch(&get(&format!("/files/{}", encoded(text))), text).await;
        client.fetch_raw(&get(&format!("/{text}")), text).await;
        for header in ["X-Request-Id", "If-Match", "Content-Type", "Accept", "Host"] {
            let request = format!("GET /api/users HTTP/1.1\r\n{header}: {text}\r\nConnection: close\r\n\r\n");
            client.fetch_raw(request.as_bytes(), text).await;
        }
        let key = json!({text.as_str(): text, "name": [text], "email": {"a": text}});
        client.fetch(&json_request("POST", "/api/users", &key), text).await;
    }
    assert!(names > 80 && emails > 10, "{names} names and {emails} e-mails were not refused");
    for (number, text) in generate_strings(SEED, GENERATED).iter().enumerate() {
        match number % 4 {
            0 => drop(client.sign_up(text, &format!("generated-{number}@example.org"), PASSWORD).await),
            1 => drop(client.sign_up("Ada", &format!("{text}@example.org"), PASSWORD).await),
            2 => drop(client.sign_up("Ada", &format!("secret-{number}@example.org"), text).await),
            _ => drop(client.fetch(&get(&format!("/api/users/{}", encoded(text))), text).await),
        }
        client.fetch_raw(format!("GET /api/users/{text}\r\n\r\n").as_bytes(), text).await;
    }
    assert_eq!(users_count(address).await, client.signed_up);
    assert_eq!(status_of(address, "/health/ready").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tricky_strings_on_the_embedded_store_are_rejected_or_come_back_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    provoke(serving.address()).await;
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0));
    assert!(!log.contains("panicked"), "{log}");
    let database = folder.path().join("userd-data").join("userd.db");
    assert_eq!(audit_database(&database).expect("a database"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn tricky_strings_on_redis_are_rejected_or_come_back_byte_for_byte() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let serving = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().start();
    provoke(serving.address()).await;
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0));
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}
