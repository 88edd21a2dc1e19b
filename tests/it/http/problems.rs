//! The table of problems, what Rocket itself refuses, and panics.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use insta::assert_snapshot;
use rocket::local::asynchronous::Client;
use rocket::{get, routes};
use userd_http::ProblemKind;

use super::{TestClient, client_with_store, services, settings};
use userd_store::memory::MemoryStore;

#[test]
fn the_table_of_problems_is_an_api() {
    let mut table = String::new();
    for kind in ProblemKind::ALL {
        writeln!(table, "{} {} | {}", kind.status_code(), kind.slug(), kind.title()).expect("a string takes all");
    }
    assert_snapshot!(table, @r"
    400 bad-request | Bad request
    400 malformed-json | Malformed JSON
    401 invalid-credentials | Invalid credentials
    401 authentication-required | Authentication required
    401 invalid-refresh-token | Invalid refresh token
    403 forbidden | Forbidden
    403 account-disabled | Account disabled
    403 password-expired | Password expired
    403 cross-site | Cross-site request blocked
    404 not-found | Not found
    404 user-not-found | User not found
    404 session-not-found | Session not found
    405 method-not-allowed | Method not allowed
    408 body-timeout | Request body timeout
    409 email-taken | E-mail address already in use
    412 precondition-failed | Precondition failed
    413 body-too-large | Request body too large
    415 unsupported-media-type | Unsupported media type
    422 invalid-fields | Invalid fields
    429 too-many-attempts | Too many attempts
    500 internal | Internal server error
    500 record-unreadable | Unreadable user record
    503 busy | Server busy
    503 contended | Too much contention
    503 store-unavailable | Store unavailable
    ");
}

#[test]
fn the_page_lists_exactly_the_problems_that_there_are() {
    let page = include_str!("../../../docs/API.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let slug = cells.next()?.strip_suffix('`')?.to_owned();
        let status = cells.next()?.parse::<u16>().ok()?;
        Some((slug, status))
    };
    let listed: BTreeSet<_> = page.lines().filter_map(row).collect();
    let there: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| (kind.slug().to_owned(), kind.status_code())).collect();
    assert_eq!(listed, there);
}

#[rocket::async_test]
async fn what_rocket_refuses_is_a_problem_too() {
    let (api, _) = client_with_store().await;
    assert_snapshot!(api.get("/nothing").await, @r#"
    404
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:not-found","title":"Not found","status":404,"detail":"this path does not exist","request_id":"t"}
    "#);
}

#[get("/panic")]
fn panic() -> &'static str {
    panic!("the innards of a handler");
}

#[get("/number/<_number>")]
fn number(_number: u8) -> &'static str {
    "a number"
}

#[rocket::async_test]
async fn a_panic_is_a_problem_without_its_message() {
    let store = std::sync::Arc::new(MemoryStore::default());
    let rocket = userd_http::rocket(&settings(), services(store)).mount("/", routes![panic, number]);
    let api = TestClient(Client::untracked(rocket).await.expect("the service ignites"));
    assert_snapshot!(api.get("/panic").await, @r#"
    500
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:internal","title":"Internal server error","status":500,"detail":"internal error; the log has the cause","request_id":"t"}
    "#);
    assert_eq!(api.get("/ping").await.status, 200);
    let answer = api.get("/number/x").await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "bad-request"));
    assert_eq!(api.send(rocket::http::Method::Put, "/panic", &[], "").await.status, 405, "later routes count too");
}
