//! `POST /api/login`: its fields and answers, cookies, and that it does not reveal which accounts exist.

use rocket::http::Method::{Get, Post};
use userd_core::{PasswordHash, UserId};

use super::test_app::{RequestHeaders, SignedInUser, TestApp, bearer};
use super::{OTHER_PASSWORD, PASSWORD, TestResponse};
use userd_store::memory::InjectedFault;

/// `correct horse battery` as the Rocket + Redis tutorial hashes it.
const OLD_HASH: &str =
    "$argon2i$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE";

async fn with_ada() -> TestApp {
    let app = TestApp::with_api_key().await;
    app.api.sign_up("Ada", "Ada@Example.com").await;
    app
}

fn cookies(answer: &TestResponse) -> Vec<&str> {
    let set = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
    set.map(|(_, value)| value.as_str()).collect()
}

#[rocket::async_test]
async fn the_answer_has_the_requested_fields_and_a_valid_token() {
    let app = with_ada().await;
    let plain = app.try_login("ADA@example.com", PASSWORD, &Vec::new()).await;
    assert_eq!(plain.status, 200, "{plain}");
    let value = plain.value();
    let names: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["device_token", "expires_at", "id", "session_id", "token"]);
    assert_eq!(value["expires_at"], "2026-11-23T14:31:02.007Z", "a day later");
    assert_eq!((cookies(&plain).len(), plain.header("Cache-Control")), (0, Some("no-store")));
    let ada = app.login("ada@example.com").await;
    assert!(ada.refresh.starts_with("r1.") && ada.device.starts_with("d1."), "{}", ada.device);
    assert!(ada.token.starts_with(&format!("v1.{}.", ada.id)));
    let session = app.get("/api/session", &ada.token).await.value();
    assert_eq!((&session["user"]["id"], &session["session"]["id"]), (&ada.id.into(), &ada.session.into()));
    assert_eq!((&session["session"]["current"], &session["session"]["user_agent"]), (&true.into(), &"curl/8".into()));
}

#[rocket::async_test]
async fn an_unknown_email_and_a_wrong_password_are_one_answer_and_one_amount_of_work() {
    let app = with_ada().await;
    app.login("ada@example.com").await;
    let mut seen = Vec::new();
    for (email, password) in [
        ("ada@example.com", OTHER_PASSWORD),
        ("eve@example.com", OTHER_PASSWORD),
        ("eve@example.com", PASSWORD),
        ("ADA@EXAMPLE.COM", "x"),
    ] {
        app.store.take_calls();
        let hashes = app.hasher.hashes_done();
        let answer = app.try_login(email, password, &Vec::new()).await;
        seen.push((answer, app.hasher.hashes_done() - hashes, app.store.take_calls()));
    }
    assert_eq!((seen[0].0.status, seen[0].0.detail().as_str(), seen[0].1), (401, "user not authenticated", 1));
    assert!(seen[0].2.len() >= 3, "look-up, charge, event: {:?}", seen[0].2);
    for other in &seen[1..] {
        assert_eq!(*other, seen[0]);
    }
}

#[rocket::async_test]
async fn a_browser_gets_its_session_and_device_token_as_http_only_cookies() {
    let app = with_ada().await;
    let body = format!(r#"{{"email":"ada@example.com","password":"{PASSWORD}","cookie":true}}"#);
    let day = 86_400;
    for (host, forwarded, names) in [
        (Some("accounts.example.org"), None, Some(("__Host-sid", "__Host-did"))),
        (None, None, Some(("__Host-sid", "__Host-did"))),
        (Some("localhost:8000"), None, None),
        (Some("127.0.0.1:8000"), None, None),
        (Some("localhost:8000"), Some("https"), Some(("__Host-sid", "__Host-did"))),
    ] {
        let mut headers: RequestHeaders = Vec::new();
        headers.extend(host.map(|host| ("Host", host.to_owned())));
        headers.extend(forwarded.map(|scheme| ("X-Forwarded-Proto", scheme.to_owned())));
        let answer = app.fetch(Post, "/api/login", &headers, &body).await;
        let person = SignedInUser::of(&answer);
        let (session, device, secure) = names.map_or(("sid", "did", ""), |(sid, did)| (sid, did, " Secure;"));
        let expected = [
            format!("{session}={};{secure} HttpOnly; SameSite=Lax; Path=/; Max-Age={day}", person.token),
            format!("{device}={};{secure} HttpOnly; SameSite=Lax; Path=/; Max-Age={}", person.device, 180 * day),
        ];
        assert_eq!(cookies(&answer), expected, "{host:?}");
        assert!(expected.iter().all(|cookie| cookie.len() < 4096));
        headers.push(("Cookie", format!("{session}={}", person.token)));
        assert_eq!(app.fetch(Get, "/api/session", &headers, "").await.status, 200, "{host:?}");
    }
}

#[rocket::async_test]
async fn the_cookie_of_an_ended_session_prevents_neither_sign_in_nor_sign_up() {
    let app = with_ada().await;
    let ada = app.login("ada@example.com").await;
    assert_eq!(app.delete("/api/session", &ada.token).await.status, 200);
    let stale: RequestHeaders = vec![("Cookie", format!("__Host-sid={}", ada.token))];
    assert_eq!(app.try_login("ada@example.com", PASSWORD, &stale).await.status, 200);
    let body = format!(r#"{{"name":"Bob","email":"bob@example.com","password":"{PASSWORD}"}}"#);
    assert_eq!(app.fetch(Post, "/api/users", &stale, &body).await.status, 200);
    assert_eq!(
        app.try_login("ada@example.com", PASSWORD, &bearer(&ada.token)).await.status,
        401,
        "an explicit token counts"
    );
}

#[rocket::async_test]
async fn every_wrong_field_is_named_at_once_and_costs_no_hash() {
    let app = with_ada().await;
    let before = app.hasher.hashes_done();
    let body = r#"{"email":"x","cookie":"yes","refresh":1,"device_token":[],"remember":true}"#;
    let answer = app.fetch(Post, "/api/login", &Vec::new(), body).await;
    assert_eq!((answer.status, answer.slug().as_str()), (422, "invalid-fields"));
    assert_eq!(answer.pointers(), ["/remember", "/email", "/password", "/cookie", "/refresh", "/device_token"]);
    for part in [
        "remember is not known; the fields are email, password, cookie, refresh, device_token",
        "cookie must be true or false, not a string",
        "refresh must be true or false, not a number",
        "device_token must be a string, not an array",
    ] {
        assert!(answer.detail().contains(part), "{part}: {answer}");
    }
    assert_eq!(app.hasher.hashes_done(), before);
    let nulls = format!(
        r#"{{"email":"ada@example.com","password":"{PASSWORD}","cookie":null,"refresh":null,"device_token":null}}"#
    );
    assert_eq!(app.fetch(Post, "/api/login", &Vec::new(), &nulls).await.status, 200);
}

#[rocket::async_test]
async fn an_outdated_hash_is_upgraded_on_the_way() {
    let app = with_ada().await;
    let id = app.store.all_users().remove(0).id;
    app.store.set_password_hash(id, PasswordHash::parse(OLD_HASH).expect("a hash"));
    assert_eq!(app.try_login("ada@example.com", OTHER_PASSWORD, &Vec::new()).await.status, 401);
    assert_eq!(app.store.all_users().remove(0).password_hash.as_str(), OLD_HASH, "a failed check upgrades nothing");
    let ada = app.login("ada@example.com").await;
    assert_eq!(UserId::parse(&ada.id), Some(id));
    assert!(app.store.all_users().remove(0).password_hash.as_str().starts_with("$argon2id$"));
    assert_eq!(app.get("/api/session", &ada.token).await.status, 200);
}

/// A full Redis stores no new hash, and users still sign in.
#[rocket::async_test]
async fn a_failed_hash_upgrade_does_not_fail_the_sign_in() {
    for fault in [InjectedFault::Unavailable, InjectedFault::UnavailableAfter] {
        let app = with_ada().await;
        let ada = app.login("ada@example.com").await;
        let id = UserId::parse(&ada.id).expect("an id");
        app.store.set_password_hash(id, PasswordHash::parse(OLD_HASH).expect("a hash"));
        // The calls before it: the look-up, two charges of the attempt, and two refunds for the right password.
        app.store.fail_at(5, fault);
        let again = app.try_login("ada@example.com", PASSWORD, &Vec::new()).await;
        assert!(app.store.has_failed());
        assert_eq!(again.status, 200, "{fault:?}: {again}");
        let kept = app.store.all_users().remove(0).password_hash.as_str() == OLD_HASH;
        assert_eq!(kept, fault == InjectedFault::Unavailable, "it was the upgrade that failed");
    }
}
