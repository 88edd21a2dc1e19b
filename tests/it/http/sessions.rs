//! Sessions from sign-in to their end: list, use, sign-out, revocation and time-outs.

use rocket::http::Method::{Delete, Get};
use serde_json::Value;
use userd_core::{EventKind, Scope, UserId};
use userd_store::SessionStore;

use super::UNKNOWN_ID;
use super::test_app::{RequestHeaders, SignedInUser, TestApp, bearer, cookie, make_key};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

fn list_of(person: &SignedInUser) -> String {
    format!("/api/users/{}/sessions", person.id)
}

async fn list(app: &TestApp, person: &SignedInUser) -> Vec<Value> {
    let answer = app.get(&list_of(person), &person.token).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.value()["sessions"].as_array().expect("a list").clone()
}

async fn is_good(app: &TestApp, person: &SignedInUser) -> bool {
    let answer = app.get("/api/session", &person.token).await;
    assert!(matches!(answer.status, 200 | 401), "{answer}");
    answer.status == 200
}

async fn history(app: &TestApp, person: &SignedInUser) -> Vec<(EventKind, String)> {
    let id = UserId::parse(&person.id).expect("an id");
    let events = app.store.events(id, 100).await.expect("the store works");
    events.into_iter().map(|event| (event.kind, event.actor.principal.to_string())).collect()
}

#[rocket::async_test]
async fn the_list_has_each_session_newest_first_and_marks_the_current_one() {
    let app = TestApp::with_api_key().await;
    let first = app.sign_up_and_in("Ada", "ada@example.com").await;
    app.clock.advance_ms(1_000);
    let second = app.login("ada@example.com").await;
    app.sign_up_and_in("Bob", "bob@example.com").await;
    let sessions = list(&app, &first).await;
    let expected = serde_json::json!([
        {
            "id": second.session, "created_at": "2026-11-22T14:31:03.007Z", "last_used_at": "2026-11-22T14:31:03.007Z",
            "expires_at": "2026-11-23T14:31:03.007Z", "address": null, "user_agent": "curl/8", "current": false
        },
        {
            "id": first.session, "created_at": "2026-11-22T14:31:02.007Z", "last_used_at": "2026-11-22T14:31:02.007Z",
            "expires_at": "2026-11-23T14:31:02.007Z", "address": null, "user_agent": "curl/8", "current": true
        }
    ]);
    assert_eq!(Value::from(sessions), expected);
    let key = make_key(&app.store, 5, &[Scope::SessionsRead]).await;
    let fresh = TestApp::with(super::settings(), app.store).await;
    let seen = fresh.get(&list_of(&first), &key).await.value();
    assert!(seen["sessions"].as_array().expect("a list").iter().all(|session| session["current"] == false), "{seen}");
    assert_eq!(
        fresh.get(&format!("/api/users/{UNKNOWN_ID}/sessions"), &key).await.detail(),
        format!("id {UNKNOWN_ID} not found")
    );
}

#[rocket::async_test]
async fn a_sign_out_ends_the_session_and_clears_its_cookie() {
    let app = TestApp::with_api_key().await;
    let (ada, other) = (app.sign_up_and_in("Ada", "ada@example.com").await, app.login("ada@example.com").await);
    let answer = app.fetch(Delete, "/api/session", &cookie(&ada.token), "").await;
    assert_eq!((answer.status, answer.text()), (200, "\"Signed out\""));
    let forget = Some("__Host-sid=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    assert_eq!(answer.header("Set-Cookie"), forget);
    assert!(!is_good(&app, &ada).await && is_good(&app, &other).await);
    let again = app.fetch(Delete, "/api/session", &cookie(&ada.token), "").await;
    assert_eq!((again.status, again.header("Set-Cookie")), (401, forget), "the cookie is cleared as well");
    let by_ada = (EventKind::SignedOut, format!("session:{}", ada.session));
    assert_eq!(history(&app, &ada).await.last(), Some(&by_ada));
}

#[rocket::async_test]
async fn one_session_is_ended_from_another_and_all_others_at_once() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let bob = app.sign_up_and_in("Bob", "bob@example.com").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(app.login("ada@example.com").await);
    }
    let one = format!("{}/{}", list_of(&ada), others[0].session);
    let answer = app.delete(&one, &ada.token).await;
    assert_eq!((answer.status, answer.text()), (200, "\"Session ended\""));
    assert!(!is_good(&app, &others[0]).await && is_good(&app, &others[1]).await);
    let by_ada = format!("session:{}", ada.session);
    assert_eq!(history(&app, &ada).await.last(), Some(&(EventKind::SessionRevoked, by_ada.clone())));
    for gone in [one, format!("{}/x", list_of(&ada)), format!("{}/{}", list_of(&ada), bob.session)] {
        let answer = app.delete(&gone, &ada.token).await;
        assert_eq!((answer.status, answer.slug().as_str()), (404, "session-not-found"), "{gone}: {answer}");
    }
    let answer = app.delete(&list_of(&ada), &ada.token).await;
    assert_eq!((answer.status, answer.text()), (200, "\"Other sessions ended\""));
    assert!(is_good(&app, &ada).await && is_good(&app, &bob).await);
    assert!(!is_good(&app, &others[1]).await && !is_good(&app, &others[2]).await);
    assert_eq!(history(&app, &ada).await.last(), Some(&(EventKind::SessionsRevoked, by_ada)));
}

#[rocket::async_test]
async fn a_service_ends_sessions_of_existing_users() {
    let app = TestApp::with_api_key().await;
    let (ada, other) = (app.sign_up_and_in("Ada", "ada@example.com").await, app.login("ada@example.com").await);
    let key = make_key(&app.store, 5, &[Scope::SessionsWrite]).await;
    let app = TestApp::with(super::settings(), app.store).await;
    assert_eq!(app.delete(&format!("{}/{}", list_of(&ada), other.session), &key).await.status, 200);
    assert!(is_good(&app, &ada).await && !is_good(&app, &other).await);
    assert_eq!(app.delete(&list_of(&ada), &key).await.status, 200);
    assert!(!is_good(&app, &ada).await, "a service has no session to keep");
    let (kind, by) = history(&app, &ada).await.pop().expect("an event");
    assert_eq!((kind, by.starts_with("key:")), (EventKind::SessionsRevoked, true));
    for unknown in [UNKNOWN_ID, "17", "ada@example.com"] {
        let answer = app.delete(&format!("/api/users/{unknown}/sessions"), &key).await;
        assert_eq!((answer.status, answer.slug().as_str()), (404, "user-not-found"), "{answer}");
    }
}

#[rocket::async_test]
async fn a_session_ends_an_hour_after_its_last_use_and_a_day_after_its_first() {
    let app = TestApp::with_api_key().await;
    let (ada, idle) = (app.sign_up_and_in("Ada", "ada@example.com").await, app.login("ada@example.com").await);
    app.clock.advance_ms(HOUR_MS - 1);
    assert!(is_good(&app, &ada).await);
    app.clock.advance_ms(1);
    assert!(is_good(&app, &ada).await && !is_good(&app, &idle).await, "an hour without use");
    assert_eq!(list(&app, &ada).await.len(), 1, "what has ended is not listed");
    for _ in 0..45 {
        app.clock.advance_ms(HOUR_MS / 2);
        assert!(is_good(&app, &ada).await);
    }
    app.clock.advance_ms(HOUR_MS / 2 - 1);
    assert!(is_good(&app, &ada).await);
    app.clock.advance_ms(1);
    assert!(!is_good(&app, &ada).await, "a day, however much it was used");
    let answer = app.get("/api/session", &ada.token).await;
    assert_eq!(
        (answer.slug().as_str(), answer.detail().as_str()),
        ("authentication-required", "the session has ended; sign in again")
    );
}

#[rocket::async_test]
async fn the_last_use_is_written_once_a_minute_at_most() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    for (advance_ms, calls, last_used_at) in [
        (0, 1, "2026-11-22T14:31:02.007Z"),
        (MINUTE_MS - 1, 1, "2026-11-22T14:31:02.007Z"),
        (1, 2, "2026-11-22T14:32:02.007Z"),
        (MINUTE_MS - 1, 1, "2026-11-22T14:32:02.007Z"),
    ] {
        app.clock.advance_ms(advance_ms);
        app.store.take_calls();
        assert!(is_good(&app, &ada).await);
        assert_eq!(app.store.take_calls().len(), calls, "after {advance_ms} ms");
        assert_eq!(list(&app, &ada).await[0]["last_used_at"], last_used_at);
    }
}

#[rocket::async_test]
async fn one_session_too_many_ends_the_oldest() {
    let app = TestApp::with_api_key().await;
    let first = app.sign_up_and_in("Ada", "ada@example.com").await;
    let mut later = Vec::new();
    for _ in 0..19 {
        app.clock.advance_ms(1);
        later.push(app.login("ada@example.com").await);
    }
    assert!(is_good(&app, &first).await, "twenty sessions are allowed");
    app.clock.advance_ms(1);
    let newest = app.login("ada@example.com").await;
    assert!(!is_good(&app, &first).await && is_good(&app, &later[0]).await && is_good(&app, &newest).await);
    assert_eq!(list(&app, &newest).await.len(), 20);
}

#[rocket::async_test]
async fn an_own_session_opens_only_its_own_user_but_any_spelling_of_the_id() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let bob = app.sign_up_and_in("Bob", "bob@example.com").await;
    for spelling in [ada.id.clone(), ada.id.to_uppercase(), ada.id.replace('-', ""), format!("urn:uuid:{}", ada.id)] {
        let answer = app.get(&format!("/api/users/{spelling}"), &ada.token).await;
        assert_eq!((answer.status, answer.header("ETag")), (200, Some("\"1\"")), "{spelling}");
        let mut known: RequestHeaders = bearer(&ada.token);
        known.push(("If-None-Match", "\"1\"".to_owned()));
        assert_eq!(app.fetch(Get, &format!("/api/users/{spelling}"), &known, "").await.status, 304);
        assert_eq!(app.get(&format!("/api/users/{spelling}"), &bob.token).await.status, 403, "{spelling}");
    }
}
