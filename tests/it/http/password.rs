//! `PATCH /api/users/<id>`.

use insta::assert_snapshot;
use rocket::http::Method::{Delete, Patch};

use super::{OTHER_PASSWORD, PASSWORD, TestClient, TestResponse, UNKNOWN_ID, client_with_store};

async fn patch(api: &TestClient, id: &str, password: &str, new_password: &str) -> TestResponse {
    let body = serde_json::json!({ "password": password, "new_password": new_password });
    api.json(Patch, &format!("/api/users/{id}"), body.to_string()).await
}

#[rocket::async_test]
async fn the_new_password_holds_and_the_old_one_does_not() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    assert_snapshot!(patch(&api, &id, PASSWORD, OTHER_PASSWORD).await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    "Password updated"
    "#);
    assert_eq!(patch(&api, &id, PASSWORD, "a third pass phrase").await.status, 401);
    let body = format!(r#"{{"password":"{OTHER_PASSWORD}"}}"#);
    assert_eq!(api.json(Delete, &format!("/api/users/{id}"), body).await.status, 200);
}

#[rocket::async_test]
async fn a_wrong_password_changes_nothing() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let before = store.all_users();
    let answer = patch(&api, &id, OTHER_PASSWORD, "a third pass phrase").await;
    assert_eq!((answer.status, answer.detail().as_str()), (401, "user not authenticated"));
    assert_eq!(store.all_users(), before);
}

#[rocket::async_test]
async fn a_missing_password_has_the_detail_of_the_legacy_api() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let path = format!("/api/users/{id}");
    assert_snapshot!(api.json(Patch, &path, "{}").await, @r#"
    422
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:invalid-fields","title":"Invalid fields","status":422,"detail":"Password not provided","errors":[{"detail":"is missing; it must be a string","pointer":"/password"},{"detail":"is missing; it must be a string","pointer":"/new_password"}],"request_id":"t"}
    "#);
    for body in [r#"{"password":"x"}"#, r#"{"new_password":"long enough"}"#, r#"{"password":null,"new_password":null}"#]
    {
        let answer = api.json(Patch, &path, body).await;
        assert_eq!((answer.status, answer.detail().as_str()), (422, "Password not provided"), "{body}");
    }
}

#[rocket::async_test]
async fn a_new_password_that_breaks_a_rule_is_refused() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let before = store.all_users();
    let answer = patch(&api, &id, PASSWORD, "short").await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/new_password".to_owned()]), "{answer}");
    assert!(answer.detail().starts_with("new_password "), "{answer}");
    assert_eq!(store.all_users(), before);
}

#[rocket::async_test]
async fn an_unknown_user_is_not_found() {
    let (api, _) = client_with_store().await;
    let answer = patch(&api, UNKNOWN_ID, PASSWORD, OTHER_PASSWORD).await;
    assert_eq!((answer.status, answer.detail()), (404, format!("id {UNKNOWN_ID} not found")));
}
