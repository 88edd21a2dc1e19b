//! Tokens for other services, over HTTP. Their content, and whether other libraries accept them, is tested in `tokens`.

use rocket::http::Method::Post;
use serde_json::{Value, json};

use super::{PASSWORD, TestClient, TestResponse, client_with_store};

const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn sign_in(api: &TestClient) -> Value {
    api.sign_up("Ada", "ada@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "refresh": true});
    api.json(Post, "/api/login", body.to_string()).await.value()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is no text: {value}")).to_owned()
}

async fn token(api: &TestClient, session: &str, body: &str) -> TestResponse {
    api.send(Post, "/api/token", &[JSON, ("Authorization", &format!("Bearer {session}"))], body).await
}

async fn refresh(api: &TestClient, token: &str) -> TestResponse {
    api.json(Post, "/api/token/refresh", json!({"refresh_token": token}).to_string()).await
}

#[tokio::test]
async fn a_session_gets_a_token_that_no_cache_stores() {
    let (api, _) = client_with_store().await;
    let session = text(&sign_in(&api).await, "token");
    for body in ["{}", r#"{"audience": null}"#, r#"{"audience": "billing"}"#] {
        let answer = token(&api, &session, body).await;
        assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("no-store")), "{answer}");
        let value = answer.value();
        assert_eq!(text(&value, "token").split('.').count(), 3);
        assert_eq!(
            (&value["token_type"], &value["expires_at"]),
            (&json!("Bearer"), &json!("2026-11-22T14:36:02.000Z"))
        );
        assert_eq!(value.as_object().expect("an object").len(), 3);
    }
}

#[tokio::test]
async fn a_refresh_gives_a_token_and_the_next_refresh_token() {
    let (api, _) = client_with_store().await;
    let first = text(&sign_in(&api).await, "refresh_token");
    let answer = refresh(&api, &first).await;
    assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("no-store")), "{answer}");
    let next = text(&answer.value(), "refresh_token");
    assert_ne!(next, first);
    assert_eq!(answer.value().as_object().expect("an object").len(), 4);
    assert_eq!(text(&refresh(&api, &first).await.value(), "refresh_token"), next, "a retry gets the same");
}

#[tokio::test]
async fn an_anonymous_caller_and_an_ended_session_get_no_token() {
    let (api, _) = client_with_store().await;
    let session = text(&sign_in(&api).await, "token");
    let answer = api.json(Post, "/api/token", "{}").await;
    assert_eq!((answer.status, answer.slug().as_str()), (401, "authentication-required"));
    let headers = [("Authorization", &*format!("Bearer {session}"))];
    api.send(rocket::http::Method::Delete, "/api/session", &headers, "").await;
    let answer = token(&api, &session, "{}").await;
    assert_eq!((answer.status, answer.slug().as_str()), (401, "authentication-required"));
}

/// The answer does not reveal why a refresh token is invalid.
#[tokio::test]
async fn all_invalid_refresh_tokens_get_the_same_answer() {
    let (api, _) = client_with_store().await;
    let signed_in = sign_in(&api).await;
    let (good, session) = (text(&signed_in, "refresh_token"), text(&signed_in, "session_id"));
    let foreign = good.replace(&session, &"A".repeat(22));
    let swapped = good.chars().rev().collect::<String>();
    let forged = format!("{}{}", &good[..good.len() - 44], ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let unmarked = forged.replacen(&good[61..83], &"B".repeat(22), 1);
    let mut answers = Vec::new();
    for invalid in ["", "x", &swapped, &foreign, &unmarked, &text(&signed_in, "token")] {
        answers.push(refresh(&api, invalid).await);
    }
    insta::assert_snapshot!(answers[0], @r#"
    401
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json
    WWW-Authenticate: Bearer realm="userd"

    {"type":"urn:userd:problem:invalid-refresh-token","title":"Invalid refresh token","status":401,"detail":"the refresh token is invalid; sign in again","request_id":"t"}
    "#);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(refresh(&api, &good).await.status, 200, "none of them has ended the session");
}

#[tokio::test]
async fn mistakes_in_the_body_are_named() {
    let (api, _) = client_with_store().await;
    let session = text(&sign_in(&api).await, "token");
    let answer = token(&api, &session, r#"{"audience": "elsewhere"}"#).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/audience".to_owned()]), "{answer}");
    assert!(!answer.text().contains("billing"), "the answer does not reveal the audiences: {answer}");
    let answer = token(&api, &session, r#"{"audience": 3, "scope": "all"}"#).await;
    let mut pointers = answer.pointers();
    pointers.sort();
    assert_eq!((answer.status, pointers), (422, vec!["/audience".to_owned(), "/scope".to_owned()]), "{answer}");
    let answer = api.json(Post, "/api/token/refresh", "{}").await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/refresh_token".to_owned()]), "{answer}");
    let headers = [("Content-Type", "text/plain"), ("Authorization", &*format!("Bearer {session}"))];
    assert_eq!(api.send(Post, "/api/token", &headers, "{}").await.status, 415);
}

#[tokio::test]
async fn keys_and_discovery_are_public_also_with_invalid_credentials() {
    let (api, _) = client_with_store().await;
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let answer =
            api.send(rocket::http::Method::Get, path, &[("Authorization", "Bearer eyJhbGciOiJub25lIn0..")], "").await;
        assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("public, max-age=300")), "{answer}");
    }
    let page = api.get("/.well-known/openid-configuration").await.value();
    assert_eq!(page["jwks_uri"], "https://accounts.example.org/.well-known/jwks.json");
}
