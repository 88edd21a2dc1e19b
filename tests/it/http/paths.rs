//! Malformed and hostile paths.

use rocket::http::Method::Get;

use super::client_with_store;

#[rocket::async_test]
async fn absurd_paths_are_answered_with_a_short_4xx() {
    let (api, _) = client_with_store().await;
    api.sign_up("Ada", "ada@example.com").await;
    let long = format!("/api/users/{}", "x".repeat(60_000));
    let deep = "/x".repeat(10_000);
    let absurd = [
        "/api/users/%00",
        "/api/users/%FF%FE",
        "/api/users/%c3%28@example.com",
        "/api/users/..",
        "/api/users/%2e%2e",
        "/api/users/../../etc/passwd",
        "/api/users/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/api/users/ada%00@example.com",
        "/api/users/ada@example.com/",
        "/api/users/ada@example.com%2f",
        "/api/users/%7b%7d",
        "/api/users/%0d%0aSet-Cookie:%20a=b",
        "/api/users/a%0ab@example.com",
        "/files/%00",
        "/files/..%2f..%2fetc%2fpasswd",
        "/files/%2e%2e/%2e%2e/etc/passwd",
        "/files/../../etc/passwd",
        "/files/%ff",
        "/files",
        "/files/",
        "/api",
        "/api/user",
        "/api/users/x/y",
        "/API/USERS",
        "/ping.",
        "/ping%20",
        "/%",
        "/%zz",
        "/?",
        &long,
        &deep,
    ];
    for path in absurd {
        let answer = api.get(path).await;
        let shown = &path[..path.len().min(60)];
        if path == "/api/users/ada@example.com/" {
            // Rocket ignores empty segments, so extra slashes make no other path.
            assert_eq!(answer.status, 200);
            continue;
        }
        assert!((400..500).contains(&answer.status), "{shown}: {answer}");
        assert_eq!(answer.value()["status"], answer.status, "{shown}");
        assert!(answer.text().len() < 3_000, "{shown}: a short answer");
        assert!(!answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie")), "{shown}");
    }
}

#[rocket::async_test]
async fn extra_slashes_make_no_other_path() {
    let (api, _) = client_with_store().await;
    for path in ["//ping", "/ping/", "//api//users/", "/api/users?x=1&%zz=%ff"] {
        assert_eq!(api.send(Get, path, &[], "").await.status, 200, "{path}");
    }
}
