//! The table of problems, what Rocket itself refuses, and panics.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use insta::assert_snapshot;
use rocket::local::asynchronous::Client;
use rocket::{get, routes};
use userd_http::ProblemKind;

use super::{Front, fresh, services, settings};
use userd_store::memory::MemoryStore;

#[test]
fn the_table_of_problems_is_an_api() {
    let mut table = String::new();
    for kind in ProblemKind::ALL {
        writeln!(table, "{} {} | {}", kind.status_code(), kind.slug(), kind.title()).expect("a string takes all");
    }
    assert_snapshot!(table, @r"
    400 bad-request | The request can't be understood
    400 malformed-json | The body is not JSON
    401 not-authenticated | Not authenticated
    401 not-signed-in | Not signed in
    401 refresh-refused | The refresh token is worth nothing
    403 forbidden | Not allowed
    403 account-disabled | The account is disabled
    403 password-expired | The password has expired
    403 cross-site | Asked by another site
    404 not-found | Nothing here
    404 user-not-found | No such user
    404 session-not-found | No such session
    405 method-not-allowed | Method not allowed
    408 body-timeout | The body took too long
    409 email-taken | The e-mail is taken
    412 precondition-failed | The user has changed
    413 body-too-large | The body is too large
    415 unsupported-media-type | The body is of a kind that is not taken
    422 invalid-fields | Fields are wrong
    429 too-many-tries | Too many tries
    500 internal | A mistake in userd
    500 record-unreadable | The user's record can't be read
    503 busy | Busy
    503 contended | The user keeps changing
    503 store-unavailable | The store is unavailable
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
    let (front, _) = fresh().await;
    assert_snapshot!(front.get("/nothing").await, @r#"
    404
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:not-found","title":"Nothing here","status":404,"detail":"there is nothing at this path","request_id":"t"}
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
    let front = Front(Client::untracked(rocket).await.expect("the service ignites"));
    assert_snapshot!(front.get("/panic").await, @r#"
    500
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:internal","title":"A mistake in userd","status":500,"detail":"something went wrong; the log says more","request_id":"t"}
    "#);
    assert_eq!(front.get("/ping").await.status, 200);
    let answer = front.get("/number/x").await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "bad-request"));
    assert_eq!(front.send(rocket::http::Method::Put, "/panic", &[], "").await.status, 405, "later routes count too");
}
