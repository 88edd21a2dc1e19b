//! `DELETE /api/users/<id>`.

use insta::assert_snapshot;
use rocket::http::Method::Delete;

use super::{Answer, Front, NOBODY, OTHER_PASSWORD, PASSWORD, fresh};

async fn delete(front: &Front, id: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "password": password });
    front.json(Delete, &format!("/api/users/{id}"), body.to_string()).await
}

#[rocket::async_test]
async fn the_answer_is_the_user_that_was_and_the_email_is_free() {
    let (front, store) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    assert_snapshot!(delete(&front, &id, PASSWORD).await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    {"id":"01a203aa-e877-7e56-971c-de355897421e","name":"Ada","email":"ada@example.com","created_at":"2026-11-22T14:31:02.007Z","updated_at":"2026-11-22T14:31:02.007Z"}
    "#);
    assert!(store.everybody().is_empty());
    assert_eq!(front.get(&format!("/api/users/{id}")).await.status, 404);
    front.sign_up("Ada", "ada@example.com").await;
}

#[rocket::async_test]
async fn a_wrong_password_deletes_nobody() {
    let (front, store) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    assert_eq!(delete(&front, &id, OTHER_PASSWORD).await.status, 401);
    assert_eq!(store.everybody().len(), 1);
}

#[rocket::async_test]
async fn nobody_and_no_password_are_mistakes() {
    let (front, _) = fresh().await;
    assert_eq!(delete(&front, NOBODY, PASSWORD).await.detail(), format!("id {NOBODY} not found"));
    let answer = front.json(Delete, &format!("/api/users/{NOBODY}"), "{}").await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/password".to_owned()]));
    let answer = front.json(Delete, &format!("/api/users/{NOBODY}"), "").await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "malformed-json"));
}
