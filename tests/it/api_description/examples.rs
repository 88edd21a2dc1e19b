//! Every example is valid: the examples of bodies are sent to one endpoint after another, and every answer is compared
//! with its schema and with its example.

use std::collections::BTreeSet;

use rocket::http::Method;
use serde_json::Value;
use userd_core::Scope;
use userd_http::HttpSettings;

use super::shape::{resolve, schema_violations};
use super::{description, operations};
use crate::http::TestResponse;
use crate::http::settings;
use crate::http::test_app::{RequestHeaders, TestApp, bearer, make_key};
use userd_store::memory::MemoryStore;

/// What makes the values that other examples need: first, in this order.
const FIRST: [&str; 4] = ["sign_up", "sign_in", "create_token", "refresh_token"];

/// What changes or ends what other examples need: last, in this order. Every other endpoint is called in between.
const LAST: [&str; 12] = [
    "update_user",
    "change_password",
    "revoke_other_sessions",
    "revoke_session",
    "revoke_account_session",
    "sign_out",
    "delete_user",
    "create_account",
    "update_account",
    "set_account_password",
    "revoke_account_sessions",
    "delete_account",
];

/// Values from earlier answers.
#[derive(Default)]
struct ExampleValues {
    id: String,
    token: String,
    session: String,
    refresh: String,
}

impl ExampleValues {
    fn learn(&mut self, answer: &Value) {
        for (name, place) in [
            ("id", &mut self.id),
            ("token", &mut self.token),
            ("session_id", &mut self.session),
            ("refresh_token", &mut self.refresh),
        ] {
            if let Some(text) = answer[name].as_str() {
                text.clone_into(place);
            }
        }
    }
}

#[rocket::async_test]
async fn every_example_is_real() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("hello.txt"), "hello").expect("it can be written");
    let store = std::sync::Arc::new(MemoryStore::default());
    let key = make_key(&store, 1, &Scope::ALL).await;
    let settings = HttpSettings { static_dir: Some(folder.path().to_owned()), ..settings() };
    let app = TestApp::with(settings, store).await;
    let document = description(&app).await;
    let all = operations(&document);
    let described: BTreeSet<_> = all.iter().filter_map(|(.., operation)| operation["operationId"].as_str()).collect();
    assert_eq!(described.len(), all.len(), "every endpoint has a name of its own");
    let others = described.iter().copied().filter(|name| !FIRST.contains(name) && !LAST.contains(name));
    let mut known = ExampleValues::default();
    for name in FIRST.into_iter().chain(others).chain(LAST) {
        if matches!(name, "revoke_session" | "revoke_account_session") {
            // One more session, to be revoked by its id.
            let body = r#"{"email":"ada@example.com","password":"seven grey herons, wading"}"#;
            let answer = app.fetch(Method::Post, "/api/login", &RequestHeaders::new(), body).await;
            answer.value()["session_id"].as_str().expect("signed in").clone_into(&mut known.session);
        }
        let (method, path, operation) =
            all.iter().find(|(.., operation)| operation["operationId"] == name).expect("it is described");
        let who = caller(operation, &known.token, &key);
        let path =
            path.replace("{id}", &known.id).replace("{session_id}", &known.session).replace("{path}", "hello.txt");
        let mut body = operation["requestBody"]["content"]["application/json"]["example"].clone();
        if name == "refresh_token" {
            body["refresh_token"] = known.refresh.clone().into();
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = app.fetch(method.parse::<Method>().expect("a method"), &path, &who, &text).await;
        check(&document, name, operation, &answer);
        if matches!(name, "sign_up" | "sign_in" | "refresh_token" | "create_account") {
            let token = std::mem::take(&mut known.token);
            known.learn(&answer.value());
            if name == "refresh_token" {
                known.token = token;
            }
        } else if name == "sign_out" {
            known.token.clear();
        }
    }
}

/// A caller whom the declared security lets in: Ada while she is signed in, a service, or an anonymous caller.
fn caller(operation: &Value, session: &str, key: &str) -> RequestHeaders {
    let alternatives = operation["security"].as_array().expect("every operation declares it");
    let accepts = |scheme: &str| alternatives.iter().any(|alternative| alternative.get(scheme).is_some());
    match () {
        () if accepts("session") && !session.is_empty() => bearer(session),
        () if accepts("api_key") => bearer(key),
        () => RequestHeaders::new(),
    }
}

/// Compares an answer with its schema, and the example of it with both.
fn check(document: &Value, name: &str, operation: &Value, answer: &TestResponse) {
    assert_eq!(answer.status, 200, "{name}: {answer}");
    let described = resolve(document, &operation["responses"]["200"]);
    for (header, one) in described["headers"].as_object().into_iter().flatten() {
        let needed = resolve(document, one)["required"] == true;
        assert!(!needed || answer.header(header).is_some(), "{name}: no {header}: {answer}");
    }
    let (media, content) = described["content"].as_object().and_then(|all| all.iter().next()).expect("content");
    assert!(media == "*/*" || answer.header("Content-Type") == Some(media), "{name}: not {media}: {answer}");
    if !media.contains("json") {
        return;
    }
    let real = answer.value();
    if name == "get_openapi" {
        assert_eq!(&real, document);
        return;
    }
    let example = &content["example"];
    for (which, value) in [("the answer", &real), ("the example", example)] {
        let wrong = schema_violations(document, &content["schema"], value, "");
        assert!(wrong.is_empty(), "{name}: {which}: {wrong:?}");
    }
    assert_eq!(fields(&real), fields(example), "{name}: the example has other fields than the answer");
}

/// The names of all fields, of the first item where there is a list.
fn fields(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(all) => {
            let inner = all.iter().flat_map(|(name, field)| {
                let below = fields(field).into_iter().map(move |one| format!("{name}/{one}"));
                std::iter::once(name.clone()).chain(below)
            });
            inner.collect()
        }
        Value::Array(all) => all.first().map(fields).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}
