//! Protected mode: without any API key, only direct requests to a host name of this machine are served.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use rocket::http::Method::{Get, Post};
use userd_http::HttpSettings;

use crate::http::settings;
use crate::http::test_app::{RequestHeaders, TestApp, make_key, make_revoked_key};
use userd_store::memory::{InjectedFault, MemoryStore};

const SIGN_UP: &str = r#"{"name":"Eve","email":"eve@example.com","password":"correct horse battery"}"#;

#[rocket::async_test]
async fn only_requests_to_a_host_name_of_this_machine_are_served() {
    let app = TestApp::without_api_keys().await;
    let here = ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "[::ffff:127.0.0.1]"];
    let elsewhere =
        ["evil.example", "localhost.evil.example:8000", "192.168.0.7", "[2001:db8::1]", "", "a b", "::1:8000"];
    for (hosts, status) in [(here.as_slice(), 200), (elsewhere.as_slice(), 403)] {
        for host in hosts {
            let answer = app.fetch(Get, "/api/users", &vec![("Host", (*host).to_owned())], "").await;
            assert_eq!(answer.status, status, "{host}: {answer}");
            assert!(
                status == 200 || answer.detail().ends_with("create a key with `userd api-keys create`"),
                "{answer}"
            );
        }
    }
    let two: RequestHeaders = vec![("Host", "localhost".to_owned()), ("Host", "localhost".to_owned())];
    assert_eq!(app.fetch(Get, "/api/users", &two, "").await.status, 403);
}

#[rocket::async_test]
async fn forwarded_requests_are_forbidden() {
    let app = TestApp::without_api_keys().await;
    for header in ["Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO", "X-Real-IP", "via"] {
        let headers: RequestHeaders = vec![("Host", "localhost".to_owned()), (header, "for".to_owned())];
        for (method, path, body) in [(Get, "/api/users", ""), (Post, "/api/users", SIGN_UP)] {
            let answer = app.fetch(method, path, &headers, body).await;
            assert_eq!((answer.status, answer.slug().as_str()), (403, "forbidden"), "{header}: {answer}");
            assert!(
                answer.detail().ends_with("not through a proxy; create a key with `userd api-keys create`"),
                "{answer}"
            );
        }
    }
    assert!(app.store.all_users().is_empty());
}

#[rocket::async_test]
async fn a_page_of_another_site_changes_nothing() {
    let app = TestApp::without_api_keys().await;
    let page: RequestHeaders =
        vec![("Host", "localhost:8000".to_owned()), ("Origin", "https://evil.example".to_owned())];
    let answer = app.fetch(Post, "/api/users", &page, SIGN_UP).await;
    assert_eq!((answer.status, answer.slug().as_str()), (403, "cross-site"), "{answer}");
    let own: RequestHeaders =
        vec![("Host", "localhost:8000".to_owned()), ("Origin", "http://localhost:8000".to_owned())];
    assert_eq!(app.fetch(Post, "/api/users", &own, SIGN_UP).await.status, 200);
}

#[rocket::async_test]
async fn on_a_public_address_requests_are_forbidden_until_there_is_an_api_key() {
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let app = TestApp::with(HttpSettings { listen, ..settings() }, Arc::new(MemoryStore::default())).await;
    for path in ["/api/users", "/api/users/ada@example.com"] {
        let answer = app.api.get(path).await;
        assert_eq!((answer.status, answer.slug().as_str()), (403, "forbidden"), "{answer}");
        assert!(answer.detail().contains("`userd api-keys create`"), "{answer}");
    }
    assert_eq!(app.api.json(Post, "/api/users", SIGN_UP).await.status, 403);
    assert_eq!(app.api.get("/api/session").await.status, 401);
}

#[rocket::async_test]
async fn a_revoked_or_unreadable_key_ends_protected_mode_too() {
    let store = Arc::new(MemoryStore::default());
    make_revoked_key(&store, 1).await;
    let app = TestApp::with(settings(), Arc::clone(&store)).await;
    assert_eq!(app.api.get("/api/users").await.status, 401);
    let damaged = Arc::new(MemoryStore::default());
    make_key(&damaged, 1, &[]).await;
    damaged.corrupt_keys();
    let app = TestApp::with(settings(), damaged).await;
    assert_eq!(app.api.get("/api/users").await.status, 401);
}

#[rocket::async_test]
async fn while_the_keys_can_not_be_read_requests_are_answered_503() {
    for fault in [InjectedFault::Unavailable, InjectedFault::UnavailableAfter] {
        let app = TestApp::without_api_keys().await;
        app.store.fail_at(0, fault);
        let answer = app.api.get("/api/users").await;
        assert_eq!((answer.status, answer.slug().as_str()), (503, "store-unavailable"), "{answer}");
        assert_eq!(app.api.get("/api/users").await.status, 200);
    }
}

#[test]
fn a_start_that_would_be_open_to_other_machines_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let output = Command::new(env!("CARGO_BIN_EXE_userd"))
            .args(["--listen", listen])
            .current_dir(folder.path())
            .env_clear()
            .output()
            .expect("the program can be started");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{log}");
        let sentence = format!(
            "userd has no API key yet, so every client that can connect to {listen} would be an administrator: create one \
             with `userd api-keys create`, or listen on 127.0.0.1"
        );
        assert!(log.contains(&sentence), "{log}");
        assert!(!log.contains("serves on"), "{log}");
    }
    assert!(fs::exists(folder.path().join("userd-data")).expect("the folder is there"), "its store was opened");
}
