//! Every operation of the committed description with every caller: the `security` that `docs/openapi.json` declares is
//! what each caller finds. A handler with another guard changes that file, and `make openapi` is then part of its diff.

use std::collections::BTreeSet;
use std::sync::Arc;

use rocket::http::Method;
use serde_json::Value;
use userd_core::Scope;
use userd_http::{AccessSettings, HttpSettings, SignUpPolicy};

use crate::api_description;
use crate::http::settings;
use crate::http::test_app::{RequestHeaders, TestApp, bearer, cookie, make_key, make_revoked_key};
use userd_store::memory::MemoryStore;

/// The first rank of the routes that answer 405 for the methods that a path does not have.
const OTHER_METHODS_RANK: isize = 1000;

/// The password of the users of this file.
const PASSWORD: &str = "correct horse battery";

/// Other spellings of a request: a user by e-mail, and a query. Method, path in the description, path of the request.
const OTHER_SPELLINGS: [(&str, &str, &str); 3] = [
    ("GET", "/api/users/{id}", "/api/users/ada@example.com"),
    ("GET", "/admin/users/{id}", "/admin/users/ada@example.com"),
    ("GET", "/admin/users", "/admin/users?limit=1&email=ada"),
];

/// The headers of a caller; every variant has to get the same answer.
type HeaderVariants = Vec<RequestHeaders>;

/// All callers: anonymous, Ada by token and by cookie, Bob, a service with each scope, invalid credentials.
struct CallerSet {
    columns: Vec<(&'static str, HeaderVariants)>,
    ada: String,
    session: String,
    refresh: String,
}

/// Ada and Bob are signed in; the keys are those of the store `keys` (this one, or another one).
async fn caller_set(app: &TestApp, keys: &Arc<MemoryStore>) -> CallerSet {
    // Made before the first request, as the cache of API keys is up to a second old.
    let mut services = Vec::new();
    for (seed, scope) in (10..).zip(Scope::ALL) {
        services.push((scope.as_str(), vec![bearer(&make_key(keys, seed, &[scope]).await)]));
    }
    let revoked = make_revoked_key(keys, 20).await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let bob = app.sign_up_and_in("Bob", "bob@example.com").await;
    let (other, ended) = (app.login("ada@example.com").await, app.login("ada@example.com").await);
    assert_eq!(app.delete("/api/session", &ended.token).await.status, 200);
    let mut columns = vec![
        ("anonymous", vec![Vec::new()]),
        ("own", vec![bearer(&ada.token)]),
        ("cookie", vec![cookie(&ada.token)]),
        ("other", vec![bearer(&bob.token)]),
    ];
    columns.extend(services);
    let foreign = make_key(&Arc::new(MemoryStore::default()), 21, &Scope::ALL).await;
    let forged = format!("v1.{}.{}", ada.id, "A".repeat(43));
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned();
    let doubled = format!("{0}{0}", ada.token);
    let cut = ada.token[..ada.token.len() - 1].to_owned();
    let bads =
        [revoked, foreign, forged.clone(), ended.token.clone(), jwt, doubled, cut, ada.refresh.clone(), ada.device];
    let mut bad: HeaderVariants = bads.iter().map(|token| bearer(token)).collect();
    bad.push(vec![("Authorization", "Basic YWRhOmFkYQ==".to_owned())]);
    columns.push(("bad", bad));
    columns.push(("bad cookie", vec![cookie(&forged), cookie(&ended.token), cookie("x")]));
    CallerSet { columns, ada: ada.id, session: other.session, refresh: other.refresh }
}

/// An operation of the description, and one request to it.
struct Operation {
    method: Method,
    /// The path with its parameters, as in the description.
    pattern: String,
    /// The path of the request.
    path: String,
    /// The example of its body.
    body: Value,
    /// The alternatives that let a caller in; none: everyone, and credentials are ignored.
    security: Vec<Value>,
    /// The status of a caller who is let in.
    success: u16,
}

impl Operation {
    /// Whether one of the alternatives is this scheme.
    fn accepts(&self, scheme: &str) -> bool {
        self.security.iter().any(|alternative| alternative.get(scheme).is_some())
    }

    /// Whether everyone is let in, and no credentials are read.
    fn is_public(&self) -> bool {
        self.security.is_empty()
    }

    /// Whether a caller without credentials is let in. `/metrics` says so for userd's own machine only.
    fn accepts_anonymous(&self) -> bool {
        self.pattern != "/metrics" && self.security.iter().any(|alternative| alternative == &serde_json::json!({}))
    }

    /// Whether an API key with this one scope is let in.
    fn accepts_key(&self, scope: &str) -> bool {
        let mut keys = self.security.iter().filter_map(|alternative| alternative["api_key"].as_array());
        keys.any(|scopes| scopes.is_empty() || scopes.iter().any(|accepted| accepted == scope))
    }

    /// The status that this caller gets, by the declared security.
    fn expected(&self, caller: &str) -> u16 {
        let allowed_or = |allowed: bool, denied: u16| if allowed { self.success } else { denied };
        if self.is_public() {
            return self.success;
        }
        match caller {
            "anonymous" | "bad cookie" => allowed_or(self.accepts_anonymous(), 401),
            // Users have rights to their own account by its id only.
            "own" | "cookie" if self.accepts("session") && self.path.contains('@') => 403,
            "other" if self.accepts("session") && self.pattern.contains("{id}") => 403,
            "own" | "cookie" | "other" => allowed_or(self.accepts("session") || self.accepts_anonymous(), 403),
            "bad" => 401,
            scope => allowed_or(self.accepts_key(scope), 403),
        }
    }

    /// The same while no API key exists: everything that needs no session is open, and a key of elsewhere is invalid.
    fn expected_in_protected_mode(&self, caller: &str) -> u16 {
        let needs_session = self.accepts("session") && !self.accepts("api_key");
        match caller {
            _ if self.is_public() => self.success,
            "own" | "cookie" | "other" => self.success,
            "anonymous" if !needs_session => self.success,
            "bad cookie" if self.accepts_anonymous() => self.success,
            _ => 401,
        }
    }
}

/// Every operation of the committed description.
fn operations() -> Vec<Operation> {
    let description = serde_json::from_str(include_str!("../../../../docs/openapi.json")).expect("JSON");
    let mut operations = Vec::new();
    for (method, pattern, operation) in api_description::operations(&description) {
        let statuses = operation["responses"].as_object().expect("responses").keys();
        let success = statuses.filter_map(|status| status.parse().ok()).min().expect("a success");
        let is_other = |(of, path, _): &&(&str, &str, &str)| (*of, *path) == (&method, &pattern);
        let others = OTHER_SPELLINGS.iter().filter(is_other).map(|(.., path)| *path);
        for path in std::iter::once(pattern.as_str()).chain(others) {
            operations.push(Operation {
                method: method.parse().expect("a method"),
                pattern: pattern.clone(),
                path: path.to_owned(),
                body: operation["requestBody"]["content"]["application/json"]["example"].clone(),
                security: operation["security"].as_array().expect("every operation declares it").clone(),
                // No static directory is configured.
                success: if pattern == "/files/{path}" { 404 } else { success },
            });
        }
    }
    operations
}

/// The request of an operation, by and about the users of this file: path and body.
fn request(operation: &Operation, caller_set: &CallerSet) -> (String, String) {
    let values = [("{id}", caller_set.ada.as_str()), ("{session_id}", &caller_set.session), ("{path}", "nothing")];
    let path = values.into_iter().fold(operation.path.clone(), |path, (name, value)| path.replace(name, value));
    let mut body = operation.body.clone();
    let creates = operation.method == Method::Post && operation.pattern.ends_with("/users");
    let email = if creates { "eve@example.com" } else { "ada@example.com" };
    for (member, value) in [("email", email), ("password", PASSWORD), ("refresh_token", &caller_set.refresh)] {
        if let Some(place) = body.get_mut(member) {
            *place = value.into();
        }
    }
    (path, if body.is_null() { String::new() } else { body.to_string() })
}

/// Sends every operation as every caller, and compares the statuses with `expected`.
async fn check_all(app: &TestApp, caller_set: &CallerSet, expected: impl Fn(&Operation, &str) -> u16) {
    let start = app.store.snapshot();
    let before = (app.store.all_users(), app.store.sessions_count());
    let mut wrong = Vec::new();
    for operation in &operations() {
        let (path, body) = request(operation, caller_set);
        for (caller, variants) in &caller_set.columns {
            for headers in variants {
                app.store.restore(start.clone());
                let answer = app.fetch(operation.method, &path, headers, &body).await;
                if matches!(answer.status, 401 | 403) {
                    assert!(answer.detail().len() > 20, "{answer}");
                    let after = (app.store.all_users(), app.store.sessions_count());
                    assert_eq!(after, before, "{} {path} as {caller}", operation.method);
                }
                let expected = expected(operation, caller);
                if answer.status != expected {
                    wrong.push(format!("{} {path} as {caller}: {}, not {expected}", operation.method, answer.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[rocket::async_test]
async fn every_mounted_route_is_in_the_description() {
    // Parameters have other names in a route than in the description.
    let without_names = |path: &str| {
        let segments = path.split('/').map(|segment| if segment.starts_with(['<', '{']) { "_" } else { segment });
        segments.collect::<Vec<_>>().join("/")
    };
    let app = TestApp::with_api_key().await;
    let own = app.api.0.rocket().routes().filter(|route| route.rank < OTHER_METHODS_RANK);
    let mounted: BTreeSet<String> =
        own.map(|route| format!("{} {}", route.method, without_names(&route.uri.to_string()))).collect();
    let described: BTreeSet<String> = operations()
        .iter()
        .map(|operation| format!("{} {}", operation.method, without_names(&operation.pattern)))
        .collect();
    assert_eq!(described, mounted);
    assert!(described.len() >= 34, "the description lost operations: {described:?}");
}

#[rocket::async_test]
async fn with_api_keys_each_caller_may_do_what_its_permissions_allow() {
    let app = TestApp::with_api_key().await;
    let caller_set = caller_set(&app, &app.store).await;
    check_all(&app, &caller_set, Operation::expected).await;
}

#[rocket::async_test]
async fn sign_up_with_an_api_key_is_for_services() {
    let store = Arc::new(MemoryStore::default());
    let open = TestApp::with(settings(), Arc::clone(&store)).await;
    let caller_set = caller_set(&open, &store).await;
    let access = AccessSettings { sign_up: SignUpPolicy::ApiKey, ..AccessSettings::default() };
    let app = TestApp::with(HttpSettings { access, ..settings() }, store).await;
    check_all(&app, &caller_set, |operation, caller| {
        if (operation.method, operation.pattern.as_str()) != (Method::Post, "/api/users") {
            return operation.expected(caller);
        }
        match caller {
            "anonymous" | "bad" | "bad cookie" | "cookie" => 401,
            "users:write" => operation.success,
            _ => 403,
        }
    })
    .await;
}

#[rocket::async_test]
async fn in_protected_mode_every_caller_may_do_everything_that_needs_no_session() {
    let app = TestApp::without_api_keys().await;
    let caller_set = caller_set(&app, &Arc::new(MemoryStore::default())).await;
    check_all(&app, &caller_set, Operation::expected_in_protected_mode).await;
}

/// An operation that lets anonymous callers in, or anyone but administrators below `/admin`, has to be named here.
#[test]
fn only_these_operations_are_open_to_anonymous_callers() {
    let open: BTreeSet<String> = operations()
        .iter()
        .filter(|operation| operation.is_public() || operation.accepts_anonymous())
        .map(|operation| format!("{} {}", operation.method, operation.pattern))
        .collect();
    let named = [
        "GET /.well-known/jwks.json",
        "GET /.well-known/openid-configuration",
        "GET /docs",
        "GET /files/{path}",
        "GET /health/live",
        "GET /health/ready",
        "GET /openapi.json",
        "GET /ping",
        "POST /api/login",
        "POST /api/token/refresh",
        "POST /api/users",
    ];
    assert_eq!(open, named.map(str::to_owned).into());
    for operation in operations().iter().filter(|operation| operation.pattern.starts_with("/admin/")) {
        assert_eq!(operation.security, [serde_json::json!({"api_key": ["admin"]})], "{}", operation.pattern);
    }
}
