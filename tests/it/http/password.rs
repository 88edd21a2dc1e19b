//! `PATCH /api/users/<id>`.

use insta::assert_snapshot;
use rocket::http::Method::{Delete, Patch};

use super::{Answer, Front, NOBODY, OTHER_PASSWORD, PASSWORD, fresh};

async fn patch(front: &Front, id: &str, password: &str, new_password: &str) -> Answer {
    let body = serde_json::json!({ "password": password, "new_password": new_password });
    front.json(Patch, &format!("/api/users/{id}"), body.to_string()).await
}

#[rocket::async_test]
async fn the_new_password_holds_and_the_old_one_does_not() {
    let (front, _) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    assert_snapshot!(patch(&front, &id, PASSWORD, OTHER_PASSWORD).await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    "Password updated"
    "#);
    assert_eq!(patch(&front, &id, PASSWORD, "a third pass phrase").await.status, 401);
    let body = format!(r#"{{"password":"{OTHER_PASSWORD}"}}"#);
    assert_eq!(front.json(Delete, &format!("/api/users/{id}"), body).await.status, 200);
}

#[rocket::async_test]
async fn a_wrong_password_changes_nothing() {
    let (front, store) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    let before = store.everybody();
    let answer = patch(&front, &id, OTHER_PASSWORD, "a third pass phrase").await;
    assert_eq!((answer.status, answer.detail().as_str()), (401, "user not authenticated"));
    assert_eq!(store.everybody(), before);
}

#[rocket::async_test]
async fn a_missing_password_is_said_in_the_old_words() {
    let (front, _) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    let path = format!("/api/users/{id}");
    assert_snapshot!(front.json(Patch, &path, "{}").await, @r#"
    422
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:invalid-fields","title":"Fields are wrong","status":422,"detail":"Password not provided","errors":[{"detail":"is missing; it must be a string","pointer":"/password"},{"detail":"is missing; it must be a string","pointer":"/new_password"}],"request_id":"t"}
    "#);
    for body in [r#"{"password":"x"}"#, r#"{"new_password":"long enough"}"#, r#"{"password":null,"new_password":null}"#]
    {
        let answer = front.json(Patch, &path, body).await;
        assert_eq!((answer.status, answer.detail().as_str()), (422, "Password not provided"), "{body}");
    }
}

#[rocket::async_test]
async fn a_new_password_that_breaks_a_rule_is_refused() {
    let (front, store) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    let before = store.everybody();
    let answer = patch(&front, &id, PASSWORD, "short").await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/new_password".to_owned()]), "{answer}");
    assert!(answer.detail().starts_with("new_password "), "{answer}");
    assert_eq!(store.everybody(), before);
}

#[rocket::async_test]
async fn nobody_is_not_found() {
    let (front, _) = fresh().await;
    let answer = patch(&front, NOBODY, PASSWORD, OTHER_PASSWORD).await;
    assert_eq!((answer.status, answer.detail()), (404, format!("id {NOBODY} not found")));
}
