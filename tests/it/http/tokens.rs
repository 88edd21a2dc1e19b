//! Tokens for other services, asked for through the front door. What is in them, and whether others find them good, is
//! tested in `tokens`.

use rocket::http::Method::Post;
use serde_json::{Value, json};

use super::{Answer, Front, PASSWORD, fresh};

const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn sign_in(front: &Front) -> Value {
    front.sign_up("Ada", "ada@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "refresh": true});
    front.json(Post, "/api/login", body.to_string()).await.value()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is no text: {value}")).to_owned()
}

async fn token(front: &Front, session: &str, body: &str) -> Answer {
    front.send(Post, "/api/token", &[JSON, ("Authorization", &format!("Bearer {session}"))], body).await
}

async fn refresh(front: &Front, token: &str) -> Answer {
    front.json(Post, "/api/token/refresh", json!({"refresh_token": token}).to_string()).await
}

#[tokio::test]
async fn who_is_signed_in_gets_a_token_that_no_cache_keeps() {
    let (front, _) = fresh().await;
    let session = text(&sign_in(&front).await, "token");
    for body in ["{}", r#"{"audience": null}"#, r#"{"audience": "billing"}"#] {
        let answer = token(&front, &session, body).await;
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
    let (front, _) = fresh().await;
    let first = text(&sign_in(&front).await, "refresh_token");
    let answer = refresh(&front, &first).await;
    assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("no-store")), "{answer}");
    let next = text(&answer.value(), "refresh_token");
    assert_ne!(next, first);
    assert_eq!(answer.value().as_object().expect("an object").len(), 4);
    assert_eq!(text(&refresh(&front, &first).await.value(), "refresh_token"), next, "a retry gets the same");
}

#[tokio::test]
async fn nobody_and_an_ended_session_get_no_token() {
    let (front, _) = fresh().await;
    let session = text(&sign_in(&front).await, "token");
    let answer = front.json(Post, "/api/token", "{}").await;
    assert_eq!((answer.status, answer.slug().as_str()), (401, "not-signed-in"));
    let headers = [("Authorization", &*format!("Bearer {session}"))];
    front.send(rocket::http::Method::Delete, "/api/session", &headers, "").await;
    let answer = token(&front, &session, "{}").await;
    assert_eq!((answer.status, answer.slug().as_str()), (401, "not-signed-in"));
}

/// Whoever holds a refresh token that is worth nothing learns no more than that.
#[tokio::test]
async fn all_refresh_tokens_that_are_worth_nothing_get_one_answer() {
    let (front, _) = fresh().await;
    let signed_in = sign_in(&front).await;
    let (good, session) = (text(&signed_in, "refresh_token"), text(&signed_in, "session_id"));
    let foreign = good.replace(&session, &"A".repeat(22));
    let swapped = good.chars().rev().collect::<String>();
    let forged = format!("{}{}", &good[..good.len() - 44], ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let unmarked = forged.replacen(&good[61..83], &"B".repeat(22), 1);
    let mut answers = Vec::new();
    for worthless in ["", "x", &swapped, &foreign, &unmarked, &text(&signed_in, "token")] {
        answers.push(refresh(&front, worthless).await);
    }
    insta::assert_snapshot!(answers[0], @r#"
    "#);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(refresh(&front, &good).await.status, 200, "none of them has ended the session");
}

#[tokio::test]
async fn mistakes_in_the_body_are_named() {
    let (front, _) = fresh().await;
    let session = text(&sign_in(&front).await, "token");
    let answer = token(&front, &session, r#"{"audience": "elsewhere"}"#).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/audience".to_owned()]), "{answer}");
    assert!(!answer.text().contains("billing"), "the names of other services are nobody's business: {answer}");
    let answer = token(&front, &session, r#"{"audience": 3, "scope": "all"}"#).await;
    let mut pointers = answer.pointers();
    pointers.sort();
    assert_eq!((answer.status, pointers), (422, vec!["/audience".to_owned(), "/scope".to_owned()]), "{answer}");
    let answer = front.json(Post, "/api/token/refresh", "{}").await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/refresh_token".to_owned()]), "{answer}");
    let headers = [("Content-Type", "text/plain"), ("Authorization", &*format!("Bearer {session}"))];
    assert_eq!(front.send(Post, "/api/token", &headers, "{}").await.status, 415);
}

#[tokio::test]
async fn keys_and_discovery_are_for_everybody_whatever_they_show() {
    let (front, _) = fresh().await;
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let answer =
            front.send(rocket::http::Method::Get, path, &[("Authorization", "Bearer eyJhbGciOiJub25lIn0..")], "").await;
        assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("public, max-age=300")), "{answer}");
    }
    let page = front.get("/.well-known/openid-configuration").await.value();
    assert_eq!(page["jwks_uri"], "https://accounts.example.org/.well-known/jwks.json");
}
