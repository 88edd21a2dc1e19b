//! Retries of a change when the user is changed concurrently.

use rocket::http::Method::{self, Delete, Patch, Put};

use super::{OTHER_PASSWORD, PASSWORD, TestClient, TestResponse, client_with_store};

fn body(method: Method) -> String {
    match method {
        Put => format!(r#"{{"name":"Ada","email":"ada@example.com","password":"{PASSWORD}"}}"#),
        Patch => format!(r#"{{"password":"{PASSWORD}","new_password":"{OTHER_PASSWORD}"}}"#),
        _ => format!(r#"{{"password":"{PASSWORD}"}}"#),
    }
}

async fn change(api: &TestClient, method: Method, id: &str, if_match: Option<&str>) -> TestResponse {
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(if_match.map(|tags| ("If-Match", tags)));
    api.send(method, &format!("/api/users/{id}"), &headers, body(method)).await
}

#[rocket::async_test]
async fn two_conflicts_are_retried() {
    for method in [Put, Patch, Delete] {
        let (api, store) = client_with_store().await;
        let id = api.sign_up("Ada", "ada@example.com").await.id();
        store.change_user_after_reads(2);
        assert_eq!(change(&api, method, &id, None).await.status, 200, "{method}");
    }
}

#[rocket::async_test]
async fn after_too_many_conflicts_a_change_is_answered_503_and_nothing_changes() {
    for method in [Put, Patch, Delete] {
        let (api, store) = client_with_store().await;
        let id = api.sign_up("Ada", "ada@example.com").await.id();
        let before = store.all_users().remove(0);
        store.change_user_after_reads(usize::MAX);
        let answer = change(&api, method, &id, None).await;
        assert_eq!((answer.status, answer.slug().as_str()), (503, "contended"), "{method}");
        assert_eq!(answer.header("Retry-After"), Some("1"));
        let after = store.all_users().remove(0);
        assert_eq!((after.name, after.email, after.password_hash), (before.name, before.email, before.password_hash));
    }
}

#[rocket::async_test]
async fn a_conflict_under_if_match_is_a_failed_precondition() {
    for method in [Put, Patch, Delete] {
        let (api, store) = client_with_store().await;
        let id = api.sign_up("Ada", "ada@example.com").await.id();
        store.change_user_after_reads(1);
        assert_eq!(change(&api, method, &id, Some("\"1\"")).await.status, 412, "{method}");
    }
}
