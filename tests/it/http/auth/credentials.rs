//! Invalid credentials: each is rejected with an explanation, and never falls back to anonymous access.

use rocket::http::Method::{Delete, Get, Patch, Post};

use crate::http::test_app::{RequestHeaders, TestApp, api_keys, bearer, cookie, make_key, make_revoked_key};
use crate::http::{OTHER_PASSWORD, PASSWORD};
use userd_core::{ApiKeyId, Scope};
use userd_store::{KeyKind, KeyStore};

#[rocket::async_test]
async fn each_invalid_credential_is_answered_with_what_to_send_instead() {
    let app = TestApp::with_api_key().await;
    let revoked = make_revoked_key(&app.store, 7).await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let damaged = "the session token is damaged; send it as POST /api/login returned it";
    let gone = "the session has ended; sign in again";
    let key = "the API key is damaged; send it as it was printed at its creation";
    let jwt = "this is a token for other services (JWT); userd itself accepts the session token or an API key";
    let none = "this is not a token of userd; send the session token (v1.…) or an API key (k1.…)";
    let cases = [
        (ada.token[..ada.token.len() - 1].to_owned(), damaged),
        (format!("{0}{0}", ada.token), damaged),
        (format!("{0} {0}", ada.token), damaged),
        (ada.token.to_uppercase().replace("V1", "v1"), damaged),
        (format!("v1.{}.{}", ada.id, "A".repeat(43)), gone),
        (ada.token.replace(&ada.id, super::super::UNKNOWN_ID), gone),
        (revoked[..30].to_owned(), key),
        (revoked, "the API key was revoked or never existed"),
        (ada.refresh.clone(), "this is a refresh token, which is not accepted here; send the session token"),
        (ada.device.clone(), "this is a device token, which is not accepted here; send the session token"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned(), jwt),
        (ada.id.clone(), none),
        ("\u{1f511}".to_owned(), none),
    ];
    for (token, detail) in cases {
        for path in ["/api/session", &format!("/api/users/{}", ada.id), "/api/users"] {
            let answer = app.get(path, &token).await;
            assert_eq!((answer.status, answer.slug().as_str()), (401, "authentication-required"), "{token}: {answer}");
            assert_eq!(answer.detail(), detail, "{token}");
            assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"userd\""));
            assert!(!answer.text().contains(&ada.token), "{answer}");
        }
    }
    assert_eq!(app.get("/api/session", &ada.token).await.status, 200, "the valid token still is");
}

#[rocket::async_test]
async fn only_bearer_is_known_in_any_case() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    for (value, status) in [
        (format!("bearer {}", ada.token), 200),
        (format!("BEARER   {}  ", ada.token), 200),
        (format!("Basic {}", ada.token), 401),
        (ada.token.clone(), 401),
        (format!("Bearer{}", ada.token), 401),
        ("Bearer".to_owned(), 401),
        ("Bearer ".to_owned(), 401),
        (String::new(), 401),
    ] {
        let answer = app.fetch(Get, "/api/session", &vec![("Authorization", value.clone())], "").await;
        assert_eq!(answer.status, status, "{value}: {answer}");
    }
}

#[rocket::async_test]
async fn two_credentials_of_a_kind_are_rejected_and_a_bearer_token_wins_over_a_cookie() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let bob = app.sign_up_and_in("Bob", "bob@example.com").await;
    let twice: RequestHeaders = [bearer(&ada.token), bearer(&ada.token)].concat();
    let two_cookies: RequestHeaders = vec![("Cookie", format!("__Host-sid={}; __Host-sid={}", ada.token, bob.token))];
    let two_headers: RequestHeaders = [cookie(&ada.token), cookie(&bob.token)].concat();
    for headers in [twice, two_cookies, two_headers] {
        let answer = app.fetch(Get, "/api/session", &headers, "").await;
        assert_eq!((answer.status, answer.slug().as_str()), (400, "bad-request"), "{answer}");
        assert!(answer.detail().starts_with("there are two "), "{answer}");
    }
    let both: RequestHeaders = [cookie(&ada.token), bearer(&bob.token)].concat();
    let answer = app.fetch(Get, "/api/session", &both, "").await;
    assert_eq!(answer.value()["user"]["name"], "Bob");
    let bad_bearer: RequestHeaders = [cookie(&ada.token), bearer("x")].concat();
    assert_eq!(app.fetch(Get, "/api/session", &bad_bearer, "").await.status, 401, "a valid cookie does not help");
}

#[rocket::async_test]
async fn missing_authentication_is_401_and_missing_permission_is_403_with_a_reason() {
    let app = TestApp::with_api_key().await;
    let key = make_key(&app.store, 8, &[Scope::SessionsRead]).await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let anonymous = app.api.get("/api/users").await;
    assert_eq!((anonymous.status, anonymous.slug().as_str()), (401, "authentication-required"));
    assert!(anonymous.detail().starts_with("sign in first: "), "{anonymous}");
    let cases = [
        (
            "/api/users",
            &ada.token,
            "a session may do this for its own user only; for others, use an API key with users:read",
        ),
        ("/api/users", &key, "the API key lacks the scope users:read"),
        (
            "/api/session",
            &key,
            "this needs a session, and an API key has none; send the token that POST /api/login returns",
        ),
    ];
    for (path, token, detail) in cases {
        let answer = app.get(path, token).await;
        assert_eq!((answer.status, answer.slug(), answer.detail()), (403, "forbidden".to_owned(), detail.to_owned()));
    }
}

#[rocket::async_test]
async fn a_403_is_answered_without_looking_up_the_user() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let bob = app.sign_up_and_in("Bob", "bob@example.com").await;
    let mut answers = Vec::new();
    for id in [bob.id.as_str(), super::super::UNKNOWN_ID, "17", "bob@example.com"] {
        app.store.take_calls();
        let answer = app.get(&format!("/api/users/{id}"), &ada.token).await;
        assert_eq!(app.store.take_calls().len(), 1, "only the session was looked up");
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].status, 403);
}

#[rocket::async_test]
async fn reading_the_own_user_with_a_session_costs_one_call() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    for path in ["/api/session".to_owned(), format!("/api/users/{}", ada.id)] {
        app.store.take_calls();
        assert_eq!(app.get(&path, &ada.token).await.status, 200);
        assert_eq!(app.store.take_calls().len(), 1, "{path}");
    }
}

#[rocket::async_test]
async fn a_refused_caller_is_refused_before_the_body_is_looked_at() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let path = format!("/api/users/{}", ada.id);
    for (method, body) in [(Patch, "{"), (Delete, "[]")] {
        assert_eq!(app.fetch(method, &path, &Vec::new(), body).await.status, 401, "{method}");
        assert_ne!(app.fetch(method, &path, &bearer(&ada.token), body).await.status, 401, "{method}");
    }
}

#[rocket::async_test]
async fn tokens_of_a_deleted_user_and_after_a_new_password_are_refused_at_once() {
    let app = TestApp::with_api_key().await;
    let (ada, bob) =
        (app.sign_up_and_in("Ada", "ada@example.com").await, app.sign_up_and_in("Bob", "bob@example.com").await);
    let other = app.login("ada@example.com").await;
    let change = format!(r#"{{"password":"{PASSWORD}","new_password":"{OTHER_PASSWORD}"}}"#);
    let path = format!("/api/users/{}", ada.id);
    assert_eq!(app.fetch(Patch, &path, &bearer(&ada.token), &change).await.status, 200);
    assert_eq!(app.get("/api/session", &ada.token).await.status, 200, "the current session stays");
    assert_eq!(app.get("/api/session", &other.token).await.status, 401, "the others have ended");
    let removal = format!(r#"{{"password":"{OTHER_PASSWORD}"}}"#);
    assert_eq!(app.fetch(Delete, &path, &bearer(&ada.token), &removal).await.status, 200);
    assert_eq!(app.get("/api/session", &ada.token).await.status, 401);
    assert_eq!(app.get("/api/session", &bob.token).await.status, 200, "Bob is not affected");
    assert_eq!(app.try_login("ada@example.com", OTHER_PASSWORD, &Vec::new()).await.status, 401);
    assert_eq!(app.fetch(Post, "/api/login", &bearer("x"), "{}").await.status, 401, "on every route");
}

#[rocket::async_test]
async fn fields_of_a_newer_userd_in_an_api_key_survive_its_use_and_revocation() {
    let app = TestApp::with_api_key().await;
    let key = make_key(&app.store, 9, &[Scope::UsersRead]).await;
    let id = key.split('.').nth(1).expect("an id").to_owned();
    let kept = async || {
        let keys = app.store.keys(KeyKind::Api).await.expect("the store works");
        keys.into_iter().find(|kept| kept.id == id).expect("the key").text
    };
    let before = kept().await;
    let newer = before.replace("\"users:read\"", "\"users:read\",\"users:count\"").replacen('{', "{\"until_ms\":7,", 1);
    assert_ne!(newer, before);
    let replaced = app.store.replace_key(KeyKind::Api, &id, Some(&before), Some(&newer)).await;
    assert!(replaced.expect("the store works"));
    let is_whole = |text: &str| text.contains("\"users:count\"") && text.contains("\"until_ms\":7");
    assert_eq!(app.get("/api/users", &key).await.status, 200);
    let used = kept().await;
    assert!(used.contains("\"used_ms\":") && is_whole(&used), "{used}");
    assert!(api_keys(&app.store, 9).revoke(&ApiKeyId::parse(&id).expect("an id")).await.expect("the store works"));
    let revoked = kept().await;
    assert!(revoked.contains("\"revoked_ms\":") && is_whole(&revoked), "{revoked}");
}
