//! `DELETE /api/users/<id>`.

use insta::assert_snapshot;
use rocket::http::Method::Delete;

use super::{OTHER_PASSWORD, PASSWORD, TestClient, TestResponse, UNKNOWN_ID, client_with_store};

async fn delete(api: &TestClient, id: &str, password: &str) -> TestResponse {
    let body = serde_json::json!({ "password": password });
    api.json(Delete, &format!("/api/users/{id}"), body.to_string()).await
}

#[rocket::async_test]
async fn the_answer_is_the_deleted_user_and_the_email_is_free() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    assert_snapshot!(delete(&api, &id, PASSWORD).await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    {"id":"01a203aa-e877-7e56-971c-de355897421e","name":"Ada","email":"ada@example.com","created_at":"2026-11-22T14:31:02.007Z","updated_at":"2026-11-22T14:31:02.007Z"}
    "#);
    assert!(store.all_users().is_empty());
    assert_eq!(api.get(&format!("/api/users/{id}")).await.status, 404);
    api.sign_up("Ada", "ada@example.com").await;
}

#[rocket::async_test]
async fn a_wrong_password_deletes_no_user() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    assert_eq!(delete(&api, &id, OTHER_PASSWORD).await.status, 401);
    assert_eq!(store.all_users().len(), 1);
}

#[rocket::async_test]
async fn an_unknown_user_and_a_missing_password_are_rejected() {
    let (api, _) = client_with_store().await;
    assert_eq!(delete(&api, UNKNOWN_ID, PASSWORD).await.detail(), format!("id {UNKNOWN_ID} not found"));
    let answer = api.json(Delete, &format!("/api/users/{UNKNOWN_ID}"), "{}").await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/password".to_owned()]));
    let answer = api.json(Delete, &format!("/api/users/{UNKNOWN_ID}"), "").await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "malformed-json"));
}
