//! Every path with every method: done, or 405 with `Allow`; `HEAD` and `OPTIONS`.

use insta::assert_snapshot;
use rocket::http::Method::{self, Connect, Delete, Get, Head, Options, Patch, Post, Put, Trace};

use super::client_with_store;

const USER: &str = "/api/users/0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1";

/// Each path with its methods, without `OPTIONS`, and without `HEAD`, which comes with `GET`.
const PATHS: [(&str, &[Method]); 17] = [
    ("/ping", &[Get]),
    ("/api/users", &[Get, Post]),
    (USER, &[Get, Put, Patch, Delete]),
    ("/api/login", &[Post]),
    ("/api/session", &[Get, Delete]),
    ("/api/users/x/sessions", &[Get, Delete]),
    ("/api/users/x/sessions/y", &[Delete]),
    ("/health/live", &[Get]),
    ("/health/ready", &[Get]),
    ("/files/a/b.txt", &[Get]),
    ("/admin/users", &[Get, Post]),
    ("/admin/users/x", &[Get, Patch, Delete]),
    ("/admin/users/x/password", &[Put]),
    ("/admin/users/x/sessions", &[Get, Delete]),
    ("/admin/users/x/sessions/y", &[Delete]),
    ("/admin/users/x/events", &[Get]),
    ("/admin/stats", &[Get]),
];

#[rocket::async_test]
async fn a_method_that_a_path_does_not_have_is_405_with_allow() {
    let (api, _) = client_with_store().await;
    for (path, methods) in PATHS {
        for method in [Get, Post, Put, Patch, Delete, Trace, Connect] {
            let answer = api.send(method, path, &[], "").await;
            assert_eq!(answer.status == 405, !methods.contains(&method), "{method} {path}: {answer}");
            if answer.status == 405 {
                let allow: Vec<_> = answer.header("Allow").expect("405 has Allow").split(", ").collect();
                let mut expected: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
                expected.push("OPTIONS");
                expected.extend(methods.contains(&Get).then_some("HEAD"));
                assert!(expected.iter().all(|name| allow.contains(name)), "{path}: {allow:?}");
                assert_eq!(allow.len(), expected.len(), "{path}: {allow:?}");
            }
        }
    }
    assert_snapshot!(api.send(Post, USER, &[("X-Request-Id", "t")], "").await, @r#"
    405
    Allow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json

    {"type":"urn:userd:problem:method-not-allowed","title":"Method not allowed","status":405,"detail":"this path supports GET, HEAD, PUT, PATCH, DELETE, OPTIONS","request_id":"t"}
    "#);
}

#[rocket::async_test]
async fn options_lists_the_methods_without_a_body() {
    let (api, _) = client_with_store().await;
    assert_snapshot!(api.send(Options, "/api/users", &[], "").await, @r"
    204
    Allow: GET, HEAD, POST, OPTIONS
    ");
    for (path, _) in PATHS {
        let answer = api.send(Options, path, &[], "").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
    }
    assert_eq!(api.send(Options, "/nothing", &[], "").await.status, 404);
}

#[rocket::async_test]
async fn head_is_get_without_the_body() {
    let (api, _) = client_with_store().await;
    api.sign_up("Ada", "ada@example.com").await;
    for path in ["/ping", "/api/users", "/api/users/ada@example.com", "/health/ready", "/nothing", USER] {
        let (head, get) = (api.send(Head, path, &[("X-Request-Id", "t")], "").await, api.get(path).await);
        assert_eq!((head.status, &head.headers), (get.status, &get.headers), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[rocket::async_test]
async fn an_unknown_path_is_404_with_every_method() {
    let (api, _) = client_with_store().await;
    for method in [Get, Post, Put, Patch, Delete, Options, Trace, Head] {
        assert_eq!(api.send(method, "/api/nothing", &[], "").await.status, 404, "{method}");
        assert_eq!(api.send(method, "/", &[], "").await.status, 404, "{method}");
    }
}
