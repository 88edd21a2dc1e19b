//! Thousands of invalid and hostile inputs: each is answered, none with a 5xx.
//!
//! The sequence is deterministic; a failure prints what was sent.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};

use super::{UNKNOWN_ID, client_with_store};

/// How many of each kind; all kinds together are some ten thousand.
const CASES: usize = 2_000;

/// Inputs that have broken other programs.
const TRICKY_STRINGS: [&str; 24] = [
    "",
    "\0",
    "a\0b",
    "{}",
    "{1f3}@x.org",
    "a:b@c.d",
    "%s%n",
    "' OR 1=1 --",
    "\"",
    "\\",
    "../../etc/passwd",
    "\u{202e}gro.elpmaxe@ada",
    "a\u{200b}@x.org",
    "ﬁ@x.org",
    "ａ@ｘ.org",
    "\u{feff}a@x.org",
    "a@xn--a.org",
    "a@[127.0.0.1]",
    "\"a b\"@x.org",
    "a@x.org\r\nBcc: b@x.org",
    "💥",
    "\u{10ffff}",
    "Ω≈ç√∫˜µ≤≥÷",
    "ß@ẞ.org",
];

fn draw<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).expect("the strategy gives a value").current()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::sample::select(&TRICKY_STRINGS[..]).prop_map(str::to_owned),
        "[a-zA-Z0-9.@+-]{1,80}",
        (1_usize..70_000).prop_map(|length| "x".repeat(length)),
    ]
}

#[rocket::async_test]
async fn any_text_in_any_field_is_taken_or_refused() {
    let (api, store) = client_with_store().await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..CASES {
        let (name, email, password) = draw(&mut runner, &(text(), text(), text()));
        let body = serde_json::json!({ "name": name, "email": email, "password": password }).to_string();
        let answer = api.json(Post, "/api/users", &body).await;
        assert!(matches!(answer.status, 200 | 409 | 413 | 422), "{body}: {answer}");
    }
    for user in store.all_users() {
        let again = userd_core::Email::parse(user.email.as_written()).expect("what was taken parses again");
        assert_eq!(again.canonical(), user.email.canonical());
    }
}

#[rocket::async_test]
async fn any_bytes_as_a_body_are_refused() {
    let (api, store) = client_with_store().await;
    let mut runner = TestRunner::deterministic();
    let methods = proptest::sample::select(&[Post, Put, Patch, Delete][..]);
    let json = "[\\[\\]{}\",:a-z0-9\\\\ un]{0,60}".prop_map(String::into_bytes);
    let bytes = prop_oneof![proptest::collection::vec(any::<u8>(), 0..300), json];
    for _ in 0..CASES {
        let (method, body): (Method, Vec<u8>) = draw(&mut runner, &(&methods, &bytes));
        let path = if method == Post { "/api/users".to_owned() } else { format!("/api/users/{UNKNOWN_ID}") };
        let answer = api.json(method, &path, &body).await;
        assert!(matches!(answer.status, 400 | 422), "{method} {body:?}: {answer}");
    }
    assert!(store.all_users().is_empty());
}

#[rocket::async_test]
async fn any_path_and_any_header_is_answered() {
    let (api, _) = client_with_store().await;
    let mut runner = TestRunner::deterministic();
    let starts = proptest::sample::select(&["", "/api/users/", "/files/", "/api/", "/health/"][..]);
    let header = "[ -~]{0,100}";
    for _ in 0..CASES {
        let (start, rest, header): (&str, String, String) = draw(&mut runner, &(&starts, text(), header));
        let escaped: String = rest.bytes().take(3_000).fold(String::new(), |path, byte| path + &format!("%{byte:02x}"));
        let path = format!("/{}{escaped}", start.trim_start_matches('/'));
        let headers = [
            ("X-Request-Id", header.as_str()),
            ("If-None-Match", &header),
            ("Content-Type", &header),
            ("Accept", &header),
            ("Cookie", &header),
            ("Host", &header),
        ];
        let answer = api.send(Get, &path, &headers, "").await;
        // Protected mode rejects requests to other host names.
        assert!(matches!(answer.status, 200 | 403 | 404), "{path}: {answer}");
    }
}

#[rocket::async_test]
async fn any_condition_is_understood_or_does_not_hold() {
    let (api, _) = client_with_store().await;
    let id = api.sign_up("Ada", "ada@example.com").await.id();
    let mut runner = TestRunner::deterministic();
    for _ in 0..CASES {
        let tags = draw(&mut runner, &"[ \"W/,*0-9a-z]{0,40}");
        let answer = api.send(Get, &format!("/api/users/{id}"), &[("If-None-Match", &tags)], "").await;
        assert!(matches!(answer.status, 200 | 304), "{tags}: {answer}");
    }
}
