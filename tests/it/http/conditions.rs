//! `ETag`, `If-None-Match`, `If-Match`.

use insta::assert_snapshot;
use rocket::http::Method::{self, Delete, Get, Patch, Put};

use super::{OTHER_PASSWORD, PASSWORD, TestClient, TestResponse, UNKNOWN_ID, client_with_store};

async fn change(api: &TestClient, method: Method, id: &str, if_match: &str, password: &str) -> TestResponse {
    let body = match method {
        Put => format!(r#"{{"name":"Ada","email":"ada@example.com","password":"{password}"}}"#),
        Patch => format!(r#"{{"password":"{password}","new_password":"{PASSWORD}"}}"#),
        _ => format!(r#"{{"password":"{password}"}}"#),
    };
    let headers = [("Content-Type", "application/json"), ("X-Request-Id", "t"), ("If-Match", if_match)];
    api.send(method, &format!("/api/users/{id}"), &headers, body).await
}

#[rocket::async_test]
async fn the_tag_of_a_user_changes_with_each_change() {
    let (api, _) = client_with_store().await;
    let first = api.sign_up("Ada", "ada@example.com").await;
    let id = first.id();
    assert_eq!(first.header("ETag"), Some("\"1\""));
    let replaced = change(&api, Put, &id, "*", PASSWORD).await;
    assert_eq!((replaced.status, replaced.header("ETag")), (200, Some("\"2\"")));
    assert_eq!(api.get("/api/users/ada@example.com").await.header("ETag"), Some("\"2\""));
    assert_eq!(api.get("/api/users").await.header("ETag"), None);
}

#[rocket::async_test]
async fn a_reader_who_has_the_state_gets_no_body() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    for path in [format!("/api/users/{id}"), "/api/users/ada@example.com".to_owned()] {
        for tags in ["\"1\"", "W/\"1\"", "*", "\"0\", \"1\"", "\"x,y\",\"1\""] {
            let answer = api.send(Get, &path, &[("If-None-Match", tags)], "").await;
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{tags}");
            assert_eq!(answer.header("ETag"), Some("\"1\""));
        }
        for tags in ["\"2\"", "1", "", "\"01\"", "\"\"", "\"1", "\"99999999999999999999999\""] {
            assert_eq!(api.send(Get, &path, &[("If-None-Match", tags)], "").await.status, 200, "{tags}");
        }
    }
    let unknown = format!("/api/users/{UNKNOWN_ID}");
    assert_eq!(api.send(Get, &unknown, &[("If-None-Match", "*")], "").await.status, 404);
}

#[rocket::async_test]
async fn a_change_of_another_state_is_refused_and_nothing_changes() {
    let (api, store) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let before = store.all_users();
    for method in [Put, Patch, Delete] {
        for tags in ["\"2\"", "W/\"1\"", "1", "\"\"", "", "\"abc\", \"7\""] {
            let answer = change(&api, method, &id, tags, PASSWORD).await;
            assert_eq!((answer.status, answer.slug().as_str()), (412, "precondition-failed"), "{method} {tags}");
        }
    }
    assert_eq!(store.all_users(), before);
    assert_snapshot!(change(&api, Delete, &id, "\"7\"", PASSWORD).await, @r#"
    412
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:precondition-failed","title":"Precondition failed","status":412,"detail":"the user has none of the versions in If-Match","request_id":"t"}
    "#);
}

#[rocket::async_test]
async fn a_change_of_this_state_or_any_is_done() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    assert_eq!(change(&api, Put, &id, "\"7\", \"1\"", PASSWORD).await.status, 200);
    assert_eq!(change(&api, Patch, &id, "\"2\"", PASSWORD).await.status, 200);
    assert_eq!(change(&api, Delete, &id, "*", PASSWORD).await.status, 200);
}

#[rocket::async_test]
async fn the_password_comes_before_the_state() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    for method in [Put, Patch, Delete] {
        assert_eq!(change(&api, method, &id, "\"7\"", OTHER_PASSWORD).await.status, 401);
        assert_eq!(change(&api, method, UNKNOWN_ID, "\"7\"", PASSWORD).await.status, 404);
    }
}
