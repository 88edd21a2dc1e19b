//! `GET /ping` and `GET /health/…`.

use insta::assert_snapshot;

use super::fresh;
use userd_store::memory::{Fault, INNARDS};

#[rocket::async_test]
async fn ping_answers_pong_and_asks_nobody() {
    let (front, store) = fresh().await;
    store.fail_at(0, Fault::Unavailable);
    assert_snapshot!(front.get("/ping").await, @r"
    200
    Content-Type: text/plain; charset=utf-8

    PONG!
    ");
    assert!(!store.has_failed());
}

#[rocket::async_test]
async fn a_process_is_live_without_its_store_but_not_ready() {
    let (front, store) = fresh().await;
    assert_snapshot!(front.get("/health/ready").await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    {"status":"ready"}
    "#);
    store.fail_at(0, Fault::Unavailable);
    assert_eq!(front.get("/health/live").await.text(), r#"{"status":"live"}"#);
    let answer = front.get("/health/ready").await;
    assert!(!answer.text().contains(INNARDS));
    assert_snapshot!(answer, @r#"
    503
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json
    Retry-After: 1

    {"type":"urn:userd:problem:store-unavailable","title":"The store is unavailable","status":503,"detail":"users can't be reached now; try again","request_id":"t"}
    "#);
}
