//! Bodies that are too large, too slow, of the wrong media type, or no JSON; problems never quote them.

use std::time::Duration;

use rocket::http::Method::{Delete, Patch, Post, Put};
use userd_http::{HttpLimits, HttpSettings};

use super::{PASSWORD, TestClient, TestResponse, UNKNOWN_ID, client_with_settings, client_with_store, settings};
use userd_store::memory::MemoryStore;

async fn post(api: &TestClient, body: impl AsRef<[u8]>) -> TestResponse {
    api.json(Post, "/api/users", body).await
}

async fn post_as(api: &TestClient, headers: &[(&'static str, &str)]) -> TestResponse {
    let body = format!(r#"{{"name":"Ada","email":"ada@example.com","password":"{PASSWORD}"}}"#);
    api.send(Post, "/api/users", headers, body).await
}

#[rocket::async_test]
async fn invalid_json_is_reported_with_line_and_column_and_never_quoted() {
    let (api, store) = client_with_store().await;
    let cases: &[(&[u8], &str)] = &[
        (b"", "the body is empty"),
        (b" \n ", "the body is empty"),
        (b"{", "the JSON ends too early, at line 1, column 1"),
        (b"{\n \"name\": \"s3cret", "the JSON ends too early, at line 2, column 16"),
        (b"{\n \"name\": s3cret}", "not JSON at line 2, column 10"),
        (b"s3cret", "not JSON at line 1, column 1"),
        (b"{\"name\":\"s3cret\"} s3cret", "not JSON at line 1, column 19"),
        (b"{\"name\":\"s3cret\",}", "not JSON at line 1, column 18"),
        (b"{'name':'s3cret'}", "not JSON at line 1, column 2"),
        (b"{\"name\":\"\\ud800 s3cret\"}", "not JSON at line 1, column 16"),
        (b"{\"name\":\"s3cret\x00\"}", "not JSON at line 1, column 16"),
        (b"{\"name\":1e999}", "not JSON at line 1, column 13"),
        (b"{\"name\":NaN}", "not JSON at line 1, column 9"),
        (b"\xef\xbb\xbf{}", "not JSON at line 1, column 1"),
        (b"{\n\"name\":\"\xff s3cret\"}", "not UTF-8 at line 2, column 9"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 at line 1, column 1"),
    ];
    for (body, detail) in cases {
        let answer = post(&api, body).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!((answer.status, answer.slug().as_str()), (400, "malformed-json"), "{shown}");
        assert_eq!(answer.detail(), *detail, "{shown}");
        assert!(!answer.text().contains("s3cret"), "{answer}");
    }
    assert!(store.all_users().is_empty());
}

#[rocket::async_test]
async fn a_body_that_is_no_object_is_rejected_with_the_expected_fields() {
    let (api, _) = client_with_store().await;
    for (body, kind) in
        [("[]", "an array"), ("null", "null"), ("7", "a number"), ("\"x\"", "a string"), ("true", "a boolean")]
    {
        let answer = post(&api, body).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.detail(), format!("the body must be an object with name, email, password, not {kind}"));
    }
}

#[rocket::async_test]
async fn deep_nesting_is_refused_wherever_it_is() {
    let (api, _) = client_with_store().await;
    for deep in ["[".repeat(10_000), r#"{"a":"#.repeat(3_000), format!(r#"{{"name":{}"#, "[".repeat(10_000))] {
        let answer = post(&api, &deep).await;
        assert_eq!((answer.status, answer.slug().as_str()), (400, "malformed-json"), "{answer}");
        assert!(answer.detail().starts_with("nested deeper than 8 levels"), "{answer}");
    }
    let answer = post(&api, r#"{"name":[[[[[["deep"]]]]]]}"#).await;
    assert_eq!(answer.status, 422, "{answer}");
}

#[rocket::async_test]
async fn a_field_given_twice_is_refused() {
    let (api, _) = client_with_store().await;
    let body = format!(r#"{{"name":"Ada","email":"a@example.com","password":"{PASSWORD}","email":"b@example.com"}}"#);
    let answer = post(&api, body).await;
    assert_eq!((answer.status, answer.detail().as_str()), (422, "email must be given only once"));
}

#[rocket::async_test]
async fn unknown_fields_are_named_up_to_a_limit() {
    let (api, _) = client_with_store().await;
    let body = format!(r#"{{"a/b~c":1,"":2,"{}":3}}"#, "é".repeat(500));
    let answer = post(&api, body).await;
    let pointers = answer.pointers();
    assert_eq!(pointers[..3], ["/a~1b~0c".to_owned(), "/".to_owned(), format!("/{}", "é".repeat(64))]);
    let many: Vec<_> = (0..1000).map(|n| format!(r#""f{n}":1"#)).collect();
    let answer = post(&api, format!("{{{}}}", many.join(","))).await;
    assert_eq!((answer.status, answer.pointers().len()), (422, 20));
}

#[rocket::async_test]
async fn sixteen_kibibytes_are_read_and_one_byte_more_is_not() {
    let (api, _) = client_with_store().await;
    let start = format!(r#"{{"name":"Ada","email":"ada@example.com","password":"{PASSWORD}""#);
    let fill = |bytes: usize| format!("{start}{}}}", " ".repeat(bytes - start.len() - 1));
    let answer = post(&api, fill(16 * 1024 + 1)).await;
    assert_eq!((answer.status, answer.slug().as_str()), (413, "body-too-large"));
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(post(&api, fill(16 * 1024)).await.status, 200);
    assert_eq!(post(&api, vec![b'['; 8 << 20]).await.status, 413);
}

#[rocket::async_test]
async fn an_announced_length_is_enough_to_refuse() {
    let (api, _) = client_with_store().await;
    let headers = [("Content-Type", "application/json"), ("Content-Length", "1073741824")];
    assert_eq!(api.send(Post, "/api/users", &headers, "{").await.status, 413);
}

#[rocket::async_test]
async fn only_plain_json_is_taken() {
    let (api, store) = client_with_store().await;
    let good = [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json;",
    ];
    for content_type in good {
        let answer = post_as(&api, &[("Content-Type", content_type)]).await;
        assert!(matches!(answer.status, 200 | 409), "{content_type}: {answer}");
    }
    let before = store.all_users();
    let bad = [
        "",
        "text/plain",
        "application/json5",
        "application/jsonx",
        "application/problem+json",
        "application/json; charset=latin1",
        "application/json; profile=x",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "*/*",
        "application/json; charset",
    ];
    for content_type in bad {
        let answer = post_as(&api, &[("Content-Type", content_type)]).await;
        assert_eq!((answer.status, answer.slug().as_str()), (415, "unsupported-media-type"), "{content_type}");
    }
    assert_eq!(post_as(&api, &[]).await.status, 415);
    assert_eq!(store.all_users(), before);
}

#[rocket::async_test]
async fn compressed_bodies_are_not_taken() {
    let (api, _) = client_with_store().await;
    for encoding in ["gzip", "br", "deflate", "identity, gzip", "zstd"] {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", encoding)];
        assert_eq!(post_as(&api, &headers).await.status, 415, "{encoding}");
    }
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "Identity")];
    assert_eq!(post_as(&api, &headers).await.status, 200);
}

#[rocket::async_test]
async fn every_endpoint_with_a_body_guards_it() {
    let (api, _) = client_with_store().await;
    let user = format!("/api/users/{UNKNOWN_ID}");
    for (method, path) in [(Post, "/api/users"), (Put, &user), (Patch, &user), (Delete, &user)] {
        assert_eq!(api.send(method, path, &[], "{}").await.status, 415, "{method} {path}");
        assert_eq!(api.json(method, path, "{").await.status, 400, "{method} {path}");
        assert_eq!(api.json(method, path, "{\"x\":1}").await.status, 422, "{method} {path}");
        assert_eq!(api.json(method, path, " ".repeat(20_000)).await.status, 413, "{method} {path}");
    }
}

#[rocket::async_test]
async fn a_form_can_not_disguise_its_method() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = api.send(Post, &format!("/api/users/{id}"), &headers, "_method=delete").await;
    assert!(matches!(answer.status, 405 | 415), "{answer}");
}

#[rocket::async_test]
async fn a_small_limit_is_kept_too() {
    let limits = HttpLimits { body_bytes_max: 10, body_timeout: Duration::from_millis(50), ..settings().limits };
    let settings = HttpSettings { limits, ..settings() };
    let api = client_with_settings(&settings, std::sync::Arc::new(MemoryStore::default())).await;
    assert_eq!(post(&api, "{\"a\":1   }").await.status, 422);
    assert_eq!(post(&api, "{\"a\":1    }").await.detail(), "the body must not exceed 10 bytes");
}
