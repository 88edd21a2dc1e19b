//! `GET /api/users` and `GET /api/users/<id or e-mail>`.

use insta::assert_snapshot;

use super::{UNKNOWN_ID, client_with_store};

#[rocket::async_test]
async fn the_number_of_users_is_a_list_of_one() {
    let (api, _) = client_with_store().await;
    assert_eq!(api.get("/api/users").await.text(), "[0]");
    api.sign_up("Ada", "ada@example.com").await;
    api.sign_up("Bob", "bob@example.com").await;
    assert_snapshot!(api.get("/api/users").await, @r"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json

    [2]
    ");
}

#[rocket::async_test]
async fn a_user_is_found_by_id_in_any_spelling_of_it() {
    let (api, _) = client_with_store().await;
    let signed_up = api.sign_up("Ada", "ada@example.com").await;
    let id = signed_up.id();
    for spelling in
        [id.clone(), id.to_uppercase(), id.replace('-', ""), format!("urn:uuid:{id}"), format!("%7B{id}%7D")]
    {
        let answer = api.get(&format!("/api/users/{spelling}")).await;
        assert_eq!(answer, signed_up, "{spelling}");
    }
}

#[rocket::async_test]
async fn a_user_is_found_by_email_in_any_spelling_of_it() {
    let (api, _) = client_with_store().await;
    let signed_up = api.sign_up("Ada", "Ada+x@Example.com").await;
    for spelling in ["Ada+x@Example.com", "ada+x@example.com", "ADA%2BX%40EXAMPLE.COM"] {
        assert_eq!(api.get(&format!("/api/users/{spelling}")).await, signed_up, "{spelling}");
    }
}

#[rocket::async_test]
async fn only_the_whole_address_finds() {
    let (api, _) = client_with_store().await;
    api.sign_up("Ada", "ada@example.com").await;
    for other in ["da@example.com", "ada@example.co", "ada@", "@example.com", "*@example.com", "ada@example.com%00"] {
        assert_eq!(api.get(&format!("/api/users/{other}")).await.status, 404, "{other}");
    }
}

#[rocket::async_test]
async fn an_unknown_user_is_named_as_in_the_request() {
    let (api, _) = client_with_store().await;
    assert_snapshot!(api.get(&format!("/api/users/{UNKNOWN_ID}")).await, @r#"
    404
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:user-not-found","title":"User not found","status":404,"detail":"id 0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1 not found","request_id":"t"}
    "#);
    assert_eq!(api.get("/api/users/Eve@x.org").await.detail(), "user Eve@x.org not found");
    assert_eq!(api.get("/api/users/17").await.detail(), "id 17 not found");
    let long = format!("{}@x", "é".repeat(2000));
    let detail = api.get(&format!("/api/users/{}", long.replace('é', "%C3%A9"))).await.detail();
    assert_eq!(detail, format!("user {} not found", "é".repeat(254)));
}
