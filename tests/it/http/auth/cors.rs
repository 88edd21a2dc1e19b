//! CORS: for the allowed origins, and for no other.

use insta::assert_snapshot;
use rocket::http::Method::{Delete, Get, Options, Post};
use userd_http::AccessSettings;

use crate::http::TestResponse;
use crate::http::test_app::{RequestHeaders, TestApp};

const APP: &str = "https://app.example.org";

async fn app_with_cors() -> TestApp {
    TestApp::with_api_key_and_access(AccessSettings {
        allowed_origins: vec!["https://one.example".to_owned(), APP.to_owned()],
        ..AccessSettings::default()
    })
    .await
}

fn from(origin: &str) -> RequestHeaders {
    vec![("Origin", origin.to_owned())]
}

fn preflight(origin: &str) -> RequestHeaders {
    let mut headers = from(origin);
    headers.push(("Access-Control-Request-Method", "DELETE".to_owned()));
    headers.push(("Access-Control-Request-Headers", "authorization".to_owned()));
    headers
}

fn cors_headers(answer: &TestResponse) -> Vec<String> {
    let names = answer.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let mut found: Vec<String> =
        names.filter(|line| line.to_lowercase().starts_with("access-control-") || line.starts_with("Vary")).collect();
    found.sort();
    found
}

#[rocket::async_test]
async fn a_preflight_of_an_allowed_origin_lists_what_it_may_send() {
    let app = app_with_cors().await;
    assert_snapshot!(app.fetch(Options, "/api/session", &preflight(APP), "").await, @r"
    204
    Access-Control-Allow-Credentials: true
    Access-Control-Allow-Headers: Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id
    Access-Control-Allow-Methods: GET, HEAD, DELETE, OPTIONS
    Access-Control-Allow-Origin: https://app.example.org
    Access-Control-Expose-Headers: ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id
    Access-Control-Max-Age: 600
    Allow: GET, HEAD, DELETE, OPTIONS
    Vary: Origin
    ");
}

#[rocket::async_test]
async fn an_allowed_origin_may_read_every_answer_also_problems() {
    let app = app_with_cors().await;
    for (method, path, status) in [
        (Get, "/ping", 200),
        (Get, "/api/session", 401),
        (Get, "/api/users", 401),
        (Get, "/nothing", 404),
        (Delete, "/api/login", 405),
        (Post, "/api/login", 415),
        (Get, "/health/ready", 200),
    ] {
        let answer = app.fetch(method, path, &from(APP), "").await;
        assert_eq!(answer.status, status, "{path}");
        let expected = [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Origin: https://app.example.org",
            "Access-Control-Expose-Headers: ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
            "Vary: Origin",
        ];
        assert_eq!(cors_headers(&answer), expected, "{path}");
    }
}

#[rocket::async_test]
async fn other_origins_and_no_origin_get_only_vary() {
    let app = app_with_cors().await;
    let two: RequestHeaders = [from(APP), from(APP)].concat();
    let origins = ["https://evil.example", "null", "https://APP.example.org", "http://app.example.org", "", "*"];
    let mut cases: Vec<RequestHeaders> = origins.map(preflight).into();
    cases.extend([two, Vec::new()]);
    for headers in cases {
        for method in [Get, Options] {
            let answer = app.fetch(method, "/api/session", &headers, "").await;
            assert_eq!(cors_headers(&answer), ["Vary: Origin"], "{headers:?}: {answer}");
        }
    }
}

#[rocket::async_test]
async fn without_allowed_origins_there_is_no_cors_header() {
    let app = TestApp::with_api_key().await;
    for (method, path) in [(Options, "/api/session"), (Get, "/api/session"), (Get, "/ping"), (Get, "/nothing")] {
        let answer = app.fetch(method, path, &preflight(APP), "").await;
        assert!(cors_headers(&answer).is_empty(), "{answer}");
    }
}
