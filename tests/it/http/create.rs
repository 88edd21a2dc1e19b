//! `POST /api/users`.

use insta::assert_snapshot;
use rocket::http::Method::Post;
use userd_core::{DisplayNameError, EmailError};

use super::{PASSWORD, client_with_store};

#[rocket::async_test]
async fn a_sign_up_answers_with_the_user() {
    let (api, store) = client_with_store().await;
    let answer = api.sign_up("  Ada Lovelace ", "Ada@Example.com").await;
    assert_snapshot!(answer, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json
    ETag: "1"

    {"id":"01a203aa-e877-7e56-971c-de355897421e","name":"Ada Lovelace","email":"Ada@Example.com","created_at":"2026-11-22T14:31:02.007Z","updated_at":"2026-11-22T14:31:02.007Z"}
    "#);
    let kept = store.all_users().remove(0);
    assert_eq!(kept.email.canonical().as_str(), "ada@example.com");
    assert_eq!(kept.id.to_string(), answer.id());
    assert!(kept.password_hash.as_str().starts_with('$'));
}

#[rocket::async_test]
async fn a_taken_email_is_refused_in_any_spelling_and_nothing_changes() {
    let (api, store) = client_with_store().await;
    api.sign_up("Ada", "ada@example.com").await;
    let before = store.all_users();
    let body = format!(r#"{{"name":"Eve","email":"ADA@example.com","password":"{PASSWORD}"}}"#);
    assert_snapshot!(api.json(Post, "/api/users", body).await, @r#"
    409
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:email-taken","title":"E-mail address already in use","status":409,"detail":"email already in use","request_id":"t"}
    "#);
    assert_eq!(store.all_users(), before);
}

#[rocket::async_test]
async fn every_wrong_field_is_named_at_once() {
    let (api, store) = client_with_store().await;
    let answer = api.json(Post, "/api/users", r#"{"name":" ","email":"","password":"x","admin":true}"#).await;
    assert_eq!((answer.status, answer.slug().as_str()), (422, "invalid-fields"));
    assert_eq!(answer.pointers(), ["/admin", "/name", "/email", "/password"]);
    let details = answer.detail();
    for rule in [DisplayNameError::Empty.to_string(), EmailError::Empty.to_string(), "name, email, password".to_owned()]
    {
        assert!(details.contains(&rule), "{rule}: {details}");
    }
    assert!(store.all_users().is_empty());
}

#[rocket::async_test]
async fn missing_and_wrongly_typed_fields_are_named() {
    let (api, _) = client_with_store().await;
    assert_snapshot!(api.json(Post, "/api/users", r#"{"name":7,"email":null}"#).await, @r#"
    422
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:invalid-fields","title":"Invalid fields","status":422,"detail":"name must be a string, not a number; email must be a string, not null; password is missing; it must be a string","errors":[{"detail":"must be a string, not a number","pointer":"/name"},{"detail":"must be a string, not null","pointer":"/email"},{"detail":"is missing; it must be a string","pointer":"/password"}],"request_id":"t"}
    "#);
    let answer = api.json(Post, "/api/users", r#"{"name":[1,{}],"email":{"a":1},"password":true}"#).await;
    assert_eq!(
        answer.detail(),
        "name must be a string, not an array; email must be a string, not an object; \
         password must be a string, not a boolean"
    );
}

#[rocket::async_test]
async fn the_own_name_or_email_is_no_password() {
    let (api, store) = client_with_store().await;
    for password in ["Ada Lovelace", "ada.lovelace@example.com"] {
        let body = serde_json::json!(
            { "name": "Ada Lovelace", "email": "Ada.Lovelace@example.com", "password": password });
        let answer = api.json(Post, "/api/users", body.to_string()).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/password".to_owned()]), "{answer}");
        assert!(store.all_users().is_empty());
    }
}
