//! A service for tests, with signed-in users and API keys where a test needs them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use rocket::http::Method::{self, Delete, Get, Post};
use rocket::local::asynchronous::Client;
use userd_core::Scope;
use userd_core::clock::{Clock, ManualClock};
use userd_core::random::SeededRandom;
use userd_http::{AccessSettings, HttpSettings};
use userd_service::ApiKeyService;
use userd_service::hashing::PasswordHasher;

use super::{CHEAP_HASHES, PASSWORD, TestClient, TestResponse, clock, hasher, services_with_clock, settings};
use userd_store::memory::MemoryStore;

/// The service and its dependencies.
pub(crate) struct TestApp {
    pub(crate) api: TestClient,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hasher: Arc<PasswordHasher>,
}

/// A signed-in user.
pub(crate) struct SignedInUser {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) session: String,
    pub(crate) device: String,
    pub(crate) refresh: String,
}

/// Headers of a request.
pub(crate) type RequestHeaders = Vec<(&'static str, String)>;

/// The header `Authorization` with a bearer token.
pub(crate) fn bearer(token: &str) -> RequestHeaders {
    vec![("Authorization", format!("Bearer {token}"))]
}

/// The headers of a browser's request from a page of the same origin.
pub(crate) fn cookie(token: &str) -> RequestHeaders {
    vec![("Cookie", format!("theme=dark; __Host-sid={token}")), ("Sec-Fetch-Site", "same-origin".to_owned())]
}

impl TestApp {
    /// A service without any API key.
    pub(crate) async fn without_api_keys() -> Self {
        Self::with(settings(), Arc::new(MemoryStore::default())).await
    }

    /// A service with an API key, so that it is not in protected mode.
    pub(crate) async fn with_api_key() -> Self {
        Self::with_api_key_and_access(AccessSettings::default()).await
    }

    /// The same with settings of its own.
    pub(crate) async fn with_api_key_and_access(access: AccessSettings) -> Self {
        let store = Arc::new(MemoryStore::default());
        make_key(&store, 1, &[]).await;
        Self::with(HttpSettings { access, ..settings() }, store).await
    }

    /// A service on `store`.
    pub(crate) async fn with(settings: HttpSettings, store: Arc<MemoryStore>) -> Self {
        let (clock, hasher) = (clock(), hasher(&CHEAP_HASHES));
        let services = services_with_clock(Arc::clone(&store) as _, Arc::clone(&hasher), Arc::clone(&clock));
        let api = TestClient(Client::untracked(userd_http::rocket(&settings, services)).await.expect("it ignites"));
        Self { api, store, clock, hasher }
    }

    /// Sends a request with these headers; a body is JSON.
    pub(crate) async fn fetch(&self, method: Method, path: &str, headers: &RequestHeaders, body: &str) -> TestResponse {
        let mut all: Vec<(&'static str, &str)> = vec![("X-Request-Id", "t")];
        if !body.is_empty() {
            all.push(("Content-Type", "application/json"));
        }
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        self.api.send(method, path, &all, body).await
    }

    /// Reads `path` with a session or an API key.
    pub(crate) async fn get(&self, path: &str, token: &str) -> TestResponse {
        self.fetch(Get, path, &bearer(token), "").await
    }

    /// Deletes `path` with a session or an API key.
    pub(crate) async fn delete(&self, path: &str, token: &str) -> TestResponse {
        self.fetch(Delete, path, &bearer(token), "").await
    }

    /// Tries to sign in.
    pub(crate) async fn try_login(&self, email: &str, password: &str, headers: &RequestHeaders) -> TestResponse {
        let body = serde_json::json!({ "email": email, "password": password }).to_string();
        self.fetch(Post, "/api/login", headers, &body).await
    }

    /// Signs in with the right password, from this address.
    pub(crate) async fn login(&self, email: &str) -> SignedInUser {
        let body = serde_json::json!({ "email": email, "password": PASSWORD, "refresh": true }).to_string();
        SignedInUser::of(&self.fetch(Post, "/api/login", &vec![("User-Agent", "curl/8".to_owned())], &body).await)
    }

    /// Signs a user up, and in.
    pub(crate) async fn sign_up_and_in(&self, name: &str, email: &str) -> SignedInUser {
        self.api.sign_up(name, email).await;
        self.login(email).await
    }

    /// Sends a request from an address.
    pub(crate) async fn fetch_from(
        &self,
        from: &str,
        method: Method,
        path: &str,
        headers: &RequestHeaders,
        body: &str,
    ) -> TestResponse {
        let remote: SocketAddr = format!("{from}:4711").parse().expect("an address");
        let mut request = self.api.0.req(method, path.to_owned()).remote(remote);
        if !body.is_empty() {
            request.add_header(rocket::http::ContentType::JSON);
        }
        for (name, value) in headers {
            request.add_header(rocket::http::Header::new(*name, value.clone()));
        }
        let response = request.body(body).dispatch().await;
        let headers = response.headers().iter().map(|h| (h.name.to_string(), h.value.to_string())).collect();
        TestResponse { status: response.status().code, headers, body: response.into_bytes().await.unwrap_or_default() }
    }
}

impl SignedInUser {
    /// The user of this answer to a sign-in.
    pub(crate) fn of(answer: &TestResponse) -> Self {
        assert_eq!(answer.status, 200, "{answer}");
        let value = answer.value();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            token: text("token"),
            session: text("session_id"),
            device: text("device_token"),
            refresh: text("refresh_token"),
        }
    }
}

/// Makes an API key; each `seed` makes a different one.
pub(crate) async fn make_key(store: &Arc<MemoryStore>, seed: u64, scopes: &[Scope]) -> String {
    let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
    let made = api_keys(store, seed).create("a gateway", scopes).await.expect("the store works");
    made.expect("there is room").1.expose()
}

/// Makes an API key and revokes it.
pub(crate) async fn make_revoked_key(store: &Arc<MemoryStore>, seed: u64) -> String {
    let keys = api_keys(store, seed);
    let made = keys.create("an old gateway", Scope::ALL.into_iter().collect()).await.expect("the store works");
    let (key, token) = made.expect("there is room");
    assert!(keys.revoke(&key.id).await.expect("the store works"));
    token.expose()
}

/// The API keys, as the operator's commands change them.
pub(crate) fn api_keys(store: &Arc<MemoryStore>, seed: u64) -> ApiKeyService {
    let random = Arc::new(SeededRandom::from_seed(1_000 + seed));
    ApiKeyService::new(Arc::clone(store) as _, clock() as Arc<dyn Clock>, random)
}
