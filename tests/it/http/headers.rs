//! The headers of every answer, and the id of every request.

use insta::assert_snapshot;
use rocket::http::Method::{Delete, Get, Head, Post};

use super::{COMMON_HEADERS, PASSWORD, UNKNOWN_ID, client_with_store};

const PATHS: [&str; 8] = [
    "/ping",
    "/api/users",
    "/api/users/0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1",
    "/health/live",
    "/health/ready",
    "/files/x",
    "/nothing/here",
    "/",
];

#[rocket::async_test]
async fn every_answer_carries_the_same_headers_and_no_server() {
    let (api, _) = client_with_store().await;
    for path in PATHS {
        for method in [Get, Post, Delete, Head] {
            let answer = api.send(method, path, &[], "").await;
            for name in COMMON_HEADERS {
                assert!(answer.header(name).is_some(), "{method} {path} lacks {name}");
                let times = answer.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count();
                assert_eq!(times, 1, "{method} {path}: {name}");
            }
            assert_eq!(answer.header("Server"), None);
            assert_eq!(answer.header("Set-Cookie"), None);
        }
    }
    let mut headers = api.get("/ping").await.headers;
    headers.sort();
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_snapshot!(lines.join("\n"), @r"
    Content-Type: text/plain; charset=utf-8
    Cross-Origin-Resource-Policy: same-origin
    Permissions-Policy: interest-cohort=()
    Referrer-Policy: no-referrer
    X-Content-Type-Options: nosniff
    X-Frame-Options: SAMEORIGIN
    X-Request-Id: t
    ");
}

#[rocket::async_test]
async fn nothing_about_users_is_kept_by_a_cache_or_run_by_a_browser() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    for path in ["/api/users", &format!("/api/users/{id}"), "/api/users/x@y", "/nothing", "/api/nothing"] {
        let answer = api.get(path).await;
        assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{path}");
        assert_eq!(
            answer.header("Content-Security-Policy"),
            Some("default-src 'none'; frame-ancestors 'none'"),
            "{path}"
        );
    }
    let body = format!(r#"{{"password":"{PASSWORD}"}}"#);
    let answer = api.json(Delete, &format!("/api/users/{id}"), body).await;
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
}

#[rocket::async_test]
async fn a_sane_request_id_is_echoed_in_header_and_problem() {
    let (api, _) = client_with_store().await;
    let long = "x".repeat(64);
    for id in ["a", "0192f0c1-2b3d-7e4f", "A.b_C-9", &long] {
        let answer = api.send(Get, "/nothing", &[("X-Request-Id", id)], "").await;
        assert_eq!(answer.header("X-Request-Id"), Some(id));
        assert_eq!(answer.value()["request_id"], *id);
    }
}

#[rocket::async_test]
async fn any_other_request_id_is_replaced_by_one_of_ours() {
    let (api, _) = client_with_store().await;
    let long = "x".repeat(65);
    let mut made = std::collections::BTreeSet::new();
    for id in ["", " ", "a b", "a\tb", "é", "a;b", "\"a\"", "<script>", "../x", &long] {
        let answer = api.send(Get, "/nothing", &[("X-Request-Id", id)], "").await;
        let ours = answer.header("X-Request-Id").expect("there is one").to_owned();
        assert_eq!(answer.value()["request_id"], ours.as_str());
        assert!(ours.len() > 8 && ours.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'), "{id:?} gave {ours:?}");
        assert!(made.insert(ours), "ids differ");
    }
}

#[rocket::async_test]
async fn a_401_names_its_authentication_scheme() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let answer = api.json(Delete, &format!("/api/users/{id}"), r#"{"password":"wrong"}"#).await;
    assert_eq!(answer.header("WWW-Authenticate"), Some("Password-In-Body realm=\"userd\""));
    assert_eq!(api.get(&format!("/api/users/{UNKNOWN_ID}")).await.header("WWW-Authenticate"), None);
}
