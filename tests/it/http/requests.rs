//! `GET /ping` and `GET /health/…`.

use insta::assert_snapshot;

use super::client_with_store;
use userd_store::memory::{INTERNAL_DETAIL, InjectedFault};

#[rocket::async_test]
async fn ping_answers_pong_without_the_store() {
    let (api, store) = client_with_store().await;
    store.fail_at(0, InjectedFault::Unavailable);
    assert_snapshot!(api.get("/ping").await, @r"
    200
    Content-Type: text/plain; charset=utf-8

    PONG!
    ");
    assert!(!store.has_failed());
}

#[rocket::async_test]
async fn a_process_is_live_without_its_store_but_not_ready() {
    let (api, store) = client_with_store().await;
    assert_snapshot!(api.get("/health/ready").await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    {"status":"ready"}
    "#);
    store.fail_at(0, InjectedFault::Unavailable);
    assert_eq!(api.get("/health/live").await.text(), r#"{"status":"live"}"#);
    let answer = api.get("/health/ready").await;
    assert!(!answer.text().contains(INTERNAL_DETAIL));
    assert_snapshot!(answer, @r#"
    503
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json
    Retry-After: 1

    {"type":"urn:userd:problem:store-unavailable","title":"Store unavailable","status":503,"detail":"the store is unavailable; try again","request_id":"t"}
    "#);
}
