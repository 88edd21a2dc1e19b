//! The whole life of sessions: listed, used, ended by hand and by themselves.

use rocket::http::Method::{Delete, Get};
use serde_json::Value;
use userd_core::{EventKind, Scope, UserId};
use userd_store::SessionStore;

use super::NOBODY;
use super::scene::{Headers, Person, Scene, bearer, cookie, make_key};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

fn list_of(person: &Person) -> String {
    format!("/api/users/{}/sessions", person.id)
}

async fn list(scene: &Scene, person: &Person) -> Vec<Value> {
    let answer = scene.get(&list_of(person), &person.token).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.value()["sessions"].as_array().expect("a list").clone()
}

async fn is_good(scene: &Scene, person: &Person) -> bool {
    let answer = scene.get("/api/session", &person.token).await;
    assert!(matches!(answer.status, 200 | 401), "{answer}");
    answer.status == 200
}

async fn history(scene: &Scene, person: &Person) -> Vec<(EventKind, String)> {
    let id = UserId::parse(&person.id).expect("an id");
    let events = scene.store.events(id, 100).await.expect("the store works");
    events.into_iter().map(|event| (event.kind, event.client.caller.to_string())).collect()
}

#[rocket::async_test]
async fn the_list_has_each_session_the_newest_first_and_marks_the_one_that_asks() {
    let scene = Scene::keyed().await;
    let first = scene.join("Ada", "ada@example.com").await;
    scene.clock.advance_ms(1_000);
    let second = scene.login("ada@example.com").await;
    scene.join("Bob", "bob@example.com").await;
    let sessions = list(&scene, &first).await;
    let expected = serde_json::json!([
        {
            "id": second.session, "created_at": "2026-11-22T14:31:03.007Z", "seen_at": "2026-11-22T14:31:03.007Z",
            "expires_at": "2026-11-23T14:31:03.007Z", "address": null, "user_agent": "curl/8", "current": false
        },
        {
            "id": first.session, "created_at": "2026-11-22T14:31:02.007Z", "seen_at": "2026-11-22T14:31:02.007Z",
            "expires_at": "2026-11-23T14:31:02.007Z", "address": null, "user_agent": "curl/8", "current": true
        }
    ]);
    assert_eq!(Value::from(sessions), expected);
    let key = make_key(&scene.store, 5, &[Scope::SessionsRead]).await;
    let fresh = Scene::with(super::settings(), scene.store).await;
    let seen = fresh.get(&list_of(&first), &key).await.value();
    assert!(seen["sessions"].as_array().expect("a list").iter().all(|session| session["current"] == false), "{seen}");
    assert_eq!(
        fresh.get(&format!("/api/users/{NOBODY}/sessions"), &key).await.detail(),
        format!("id {NOBODY} not found")
    );
}

#[rocket::async_test]
async fn who_signs_out_is_out_and_their_browser_forgets() {
    let scene = Scene::keyed().await;
    let (ada, other) = (scene.join("Ada", "ada@example.com").await, scene.login("ada@example.com").await);
    let answer = scene.ask(Delete, "/api/session", &cookie(&ada.token), "").await;
    assert_eq!((answer.status, answer.text()), (200, "\"Signed out\""));
    let forget = Some("__Host-sid=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    assert_eq!(answer.header("Set-Cookie"), forget);
    assert!(!is_good(&scene, &ada).await && is_good(&scene, &other).await);
    let again = scene.ask(Delete, "/api/session", &cookie(&ada.token), "").await;
    assert_eq!((again.status, again.header("Set-Cookie")), (401, forget), "the cookie is forgotten all the same");
    let by_ada = (EventKind::SignedOut, format!("session:{}", ada.session));
    assert_eq!(history(&scene, &ada).await.last(), Some(&by_ada));
}

#[rocket::async_test]
async fn one_session_is_ended_from_another_and_all_others_at_once() {
    let scene = Scene::keyed().await;
    let ada = scene.join("Ada", "ada@example.com").await;
    let bob = scene.join("Bob", "bob@example.com").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(scene.login("ada@example.com").await);
    }
    let one = format!("{}/{}", list_of(&ada), others[0].session);
    let answer = scene.end(&one, &ada.token).await;
    assert_eq!((answer.status, answer.text()), (200, "\"Session ended\""));
    assert!(!is_good(&scene, &others[0]).await && is_good(&scene, &others[1]).await);
    let by_ada = format!("session:{}", ada.session);
    assert_eq!(history(&scene, &ada).await.last(), Some(&(EventKind::SessionRevoked, by_ada.clone())));
    for gone in [one, format!("{}/x", list_of(&ada)), format!("{}/{}", list_of(&ada), bob.session)] {
        let answer = scene.end(&gone, &ada.token).await;
        assert_eq!((answer.status, answer.slug().as_str()), (404, "session-not-found"), "{gone}: {answer}");
    }
    let answer = scene.end(&list_of(&ada), &ada.token).await;
    assert_eq!((answer.status, answer.text()), (200, "\"Other sessions ended\""));
    assert!(is_good(&scene, &ada).await && is_good(&scene, &bob).await);
    assert!(!is_good(&scene, &others[1]).await && !is_good(&scene, &others[2]).await);
    assert_eq!(history(&scene, &ada).await.last(), Some(&(EventKind::SessionsRevoked, by_ada)));
}

#[rocket::async_test]
async fn a_service_ends_sessions_of_users_that_there_are() {
    let scene = Scene::keyed().await;
    let (ada, other) = (scene.join("Ada", "ada@example.com").await, scene.login("ada@example.com").await);
    let key = make_key(&scene.store, 5, &[Scope::SessionsWrite]).await;
    let scene = Scene::with(super::settings(), scene.store).await;
    assert_eq!(scene.end(&format!("{}/{}", list_of(&ada), other.session), &key).await.status, 200);
    assert!(is_good(&scene, &ada).await && !is_good(&scene, &other).await);
    assert_eq!(scene.end(&list_of(&ada), &key).await.status, 200);
    assert!(!is_good(&scene, &ada).await, "a service has no session to keep");
    let (kind, by) = history(&scene, &ada).await.pop().expect("an event");
    assert_eq!((kind, by.starts_with("key:")), (EventKind::SessionsRevoked, true));
    for nobody in [NOBODY, "17", "ada@example.com"] {
        let answer = scene.end(&format!("/api/users/{nobody}/sessions"), &key).await;
        assert_eq!((answer.status, answer.slug().as_str()), (404, "user-not-found"), "{answer}");
    }
}

#[rocket::async_test]
async fn a_session_ends_an_hour_after_its_last_use_and_a_day_after_its_first() {
    let scene = Scene::keyed().await;
    let (ada, idle) = (scene.join("Ada", "ada@example.com").await, scene.login("ada@example.com").await);
    scene.clock.advance_ms(HOUR_MS - 1);
    assert!(is_good(&scene, &ada).await);
    scene.clock.advance_ms(1);
    assert!(is_good(&scene, &ada).await && !is_good(&scene, &idle).await, "an hour without use");
    assert_eq!(list(&scene, &ada).await.len(), 1, "what has ended is not listed");
    for _ in 0..45 {
        scene.clock.advance_ms(HOUR_MS / 2);
        assert!(is_good(&scene, &ada).await);
    }
    scene.clock.advance_ms(HOUR_MS / 2 - 1);
    assert!(is_good(&scene, &ada).await);
    scene.clock.advance_ms(1);
    assert!(!is_good(&scene, &ada).await, "a day, however much it was used");
    let answer = scene.get("/api/session", &ada.token).await;
    assert_eq!(
        (answer.slug().as_str(), answer.detail().as_str()),
        ("not-signed-in", "the session has ended; sign in again")
    );
}

#[rocket::async_test]
async fn the_last_use_is_written_once_a_minute_at_most() {
    let scene = Scene::keyed().await;
    let ada = scene.join("Ada", "ada@example.com").await;
    for (advance_ms, calls, seen_at) in [
        (0, 1, "2026-11-22T14:31:02.007Z"),
        (MINUTE_MS - 1, 1, "2026-11-22T14:31:02.007Z"),
        (1, 2, "2026-11-22T14:32:02.007Z"),
        (MINUTE_MS - 1, 1, "2026-11-22T14:32:02.007Z"),
    ] {
        scene.clock.advance_ms(advance_ms);
        scene.store.calls_made();
        assert!(is_good(&scene, &ada).await);
        assert_eq!(scene.store.calls_made().len(), calls, "after {advance_ms} ms");
        assert_eq!(list(&scene, &ada).await[0]["seen_at"], seen_at);
    }
}

#[rocket::async_test]
async fn one_session_too_many_ends_the_oldest() {
    let scene = Scene::keyed().await;
    let first = scene.join("Ada", "ada@example.com").await;
    let mut later = Vec::new();
    for _ in 0..19 {
        scene.clock.advance_ms(1);
        later.push(scene.login("ada@example.com").await);
    }
    assert!(is_good(&scene, &first).await, "twenty there may be");
    scene.clock.advance_ms(1);
    let newest = scene.login("ada@example.com").await;
    assert!(!is_good(&scene, &first).await && is_good(&scene, &later[0]).await && is_good(&scene, &newest).await);
    assert_eq!(list(&scene, &newest).await.len(), 20);
}

#[rocket::async_test]
async fn an_own_session_opens_only_its_own_user_but_any_spelling_of_the_id() {
    let scene = Scene::keyed().await;
    let ada = scene.join("Ada", "ada@example.com").await;
    let bob = scene.join("Bob", "bob@example.com").await;
    for spelling in [ada.id.clone(), ada.id.to_uppercase(), ada.id.replace('-', ""), format!("urn:uuid:{}", ada.id)] {
        let answer = scene.get(&format!("/api/users/{spelling}"), &ada.token).await;
        assert_eq!((answer.status, answer.header("ETag")), (200, Some("\"1\"")), "{spelling}");
        let mut known: Headers = bearer(&ada.token);
        known.push(("If-None-Match", "\"1\"".to_owned()));
        assert_eq!(scene.ask(Get, &format!("/api/users/{spelling}"), &known, "").await.status, 304);
        assert_eq!(scene.get(&format!("/api/users/{spelling}"), &bob.token).await.status, 403, "{spelling}");
    }
}
