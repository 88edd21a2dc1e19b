//! `PUT /api/users/<id>`.

use insta::assert_snapshot;
use rocket::http::Method::Put;

use super::{OTHER_PASSWORD, PASSWORD, TestClient, TestResponse, UNKNOWN_ID, client_with_store};

async fn put(api: &TestClient, id: &str, name: &str, email: &str, password: &str) -> TestResponse {
    let body = serde_json::json!({ "name": name, "email": email, "password": password });
    api.json(Put, &format!("/api/users/{id}"), body.to_string()).await
}

#[rocket::async_test]
async fn name_and_email_are_replaced_and_the_password_stays() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let hash = store.all_users().remove(0).password_hash;
    assert_snapshot!(put(&api, &id, "Countess", "Countess@example.com", PASSWORD).await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json
    ETag: "2"

    {"id":"01a203aa-e877-7e56-971c-de355897421e","name":"Countess","email":"Countess@example.com","created_at":"2026-11-22T14:31:02.007Z","updated_at":"2026-11-22T14:31:02.007Z"}
    "#);
    assert_eq!(api.get("/api/users/countess@example.com").await.id(), id);
    assert_eq!(api.get("/api/users/ada@example.com").await.status, 404);
    assert_eq!(store.all_users().remove(0).password_hash, hash);
}

#[rocket::async_test]
async fn the_same_email_is_no_conflict_and_takes_the_new_spelling() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let answer = put(&api, &id, "Ada", "ADA@example.com", PASSWORD).await;
    assert_eq!((answer.status, answer.value()["email"].as_str()), (200, Some("ADA@example.com")));
}

#[rocket::async_test]
async fn a_wrong_password_changes_nothing() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let before = store.all_users();
    assert_snapshot!(put(&api, &id, "Eve", "eve@example.com", OTHER_PASSWORD).await, @r#"
    401
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json
    WWW-Authenticate: Password-In-Body realm="userd"

    {"type":"urn:userd:problem:invalid-credentials","title":"Invalid credentials","status":401,"detail":"user not authenticated","request_id":"t"}
    "#);
    assert_eq!(store.all_users(), before);
}

#[rocket::async_test]
async fn a_taken_email_is_rejected_and_nothing_changes() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    api.sign_up("Bob", "bob@example.com").await;
    let before = store.all_users();
    let answer = put(&api, &id, "Ada", "BOB@example.com", PASSWORD).await;
    assert_eq!((answer.status, answer.detail().as_str()), (409, "email already in use"));
    assert_eq!(store.all_users(), before);
}

#[rocket::async_test]
async fn an_unknown_id_and_an_email_as_id_are_not_found() {
    let (api, _) = client_with_store().await;
    api.sign_up("Ada", "ada@example.com").await;
    let answer = put(&api, UNKNOWN_ID, "Ada", "new@example.com", PASSWORD).await;
    assert_eq!((answer.status, answer.detail()), (404, format!("id {UNKNOWN_ID} not found")));
    let answer = put(&api, "ada@example.com", "Ada", "new@example.com", PASSWORD).await;
    assert_eq!((answer.status, answer.detail().as_str()), (404, "user ada@example.com not found"));
    assert_eq!(put(&api, "me", "Ada", "new@example.com", PASSWORD).await.status, 404);
}

#[rocket::async_test]
async fn every_wrong_field_is_named_at_once() {
    let (api, _) = client_with_store().await;
    let answer = put(&api, UNKNOWN_ID, "", "x", "").await;
    assert_eq!(answer.status, 422);
    assert!(answer.pointers().starts_with(&["/name".to_owned(), "/email".to_owned()]), "{answer}");
}
