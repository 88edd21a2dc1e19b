//! The HTTP API: requests as clients send them, answers as clients see them.
//!
//! Every test uses [`client`], which takes any store. Clock and randomness are the tests' own, so snapshots are the
//! same on every store.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

mod admin;
mod auth;
mod bad_input;
mod bodies;
mod conditions;
mod conflict_retries;
mod count_and_show;
mod create;
mod delete;
mod faults;
mod files;
mod hashes;
mod headers;
mod imported_hashes;
mod logs;
mod methods;
mod metrics;
mod password;
mod paths;
mod problems;
mod rate_limit;
mod replace;
mod requests;
mod server;
mod sessions;
mod sign_in;
pub(crate) mod test_app;
mod tokens;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::http::{Header, Method};
use rocket::local::asynchronous::Client;
use userd_core::clock::ManualClock;
use userd_core::random::{Random, SeededRandom};
use userd_core::{PasswordPolicy, Timestamp};
use userd_http::{HttpDependencies, HttpSettings};
use userd_service::hashing::{HashSettings, PasswordHasher};
use userd_service::{
    KeyEncryption, ServiceDependencies, ServiceSettings, Services, SessionSettings, SignInLimits, SigningAlgorithm,
    TokenSettings,
};
use userd_store::Store;

use userd_store::memory::MemoryStore;

/// A password that the policy accepts.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Another one.
pub(crate) const OTHER_PASSWORD: &str = "seven grey herons, wading";
/// An id that no user has.
pub(crate) const UNKNOWN_ID: &str = "0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1";

/// Hashes that cost next to nothing.
pub(crate) const CHEAP_HASHES: HashSettings = HashSettings {
    memory_kib: 64,
    iterations: 1,
    parallelism: 1,
    workers: 2,
    queue: 256,
    wait: Duration::from_secs(30),
};

/// Settings for a test: two workers, and a free port.
pub(crate) fn settings() -> HttpSettings {
    HttpSettings { workers: 2, ..HttpSettings::new(SocketAddr::from(([127, 0, 0, 1], 0))) }
}

/// The dependencies of the service, on `store`.
pub(crate) fn services(store: Arc<dyn Store>) -> HttpDependencies {
    services_with_hasher(store, hasher(&CHEAP_HASHES))
}

/// A hasher with its own sequence of salts.
pub(crate) fn hasher(settings: &HashSettings) -> Arc<PasswordHasher> {
    Arc::new(PasswordHasher::start(settings, random(1), Arc::default()).expect("the hash workers start"))
}

/// One sequence for each use, so that no id depends on how many salts were made before.
fn random(seed: u64) -> Arc<dyn Random> {
    Arc::new(SeededRandom::from_seed(seed))
}

/// The dependencies of the service, on `store` and `hasher`.
pub(crate) fn services_with_hasher(store: Arc<dyn Store>, hasher: Arc<PasswordHasher>) -> HttpDependencies {
    services_with_clock(store, hasher, clock())
}

/// A clock that advances only when a test advances it.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_795_357_862_007)))
}

/// The dependencies of the service, on `store`, `hasher` and `clock`.
pub(crate) fn services_with_clock(
    store: Arc<dyn Store>,
    hasher: Arc<PasswordHasher>,
    clock: Arc<ManualClock>,
) -> HttpDependencies {
    let policy = PasswordPolicy { chars_min: 8, chars_max: 128 };
    let service_dependencies = ServiceDependencies {
        store: Arc::clone(&store),
        hasher,
        key_encryption: Arc::new(KeyEncryption::new(None)),
        clock,
        random: random(2),
    };
    let services = Services::new(&service_dependencies, &service_settings());
    HttpDependencies { services, store, random: random(3), policy }
}

/// The numbers of the default configuration.
pub(crate) fn service_settings() -> ServiceSettings {
    let sessions =
        SessionSettings { idle_ms: 3_600_000, absolute_ms: 86_400_000, sessions_max: 20, refresh_grace_ms: 10_000 };
    let tokens = TokenSettings {
        issuer: Some("https://accounts.example.org".to_owned()),
        listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
        audiences: ["userd", "billing"].map(str::to_owned).into(),
        algorithm: SigningAlgorithm::Es256,
        ttl_ms: 300_000,
    };
    ServiceSettings { sessions, tokens, sign_in_limits: RATES }
}

/// The limits of the default configuration.
pub(crate) const RATES: SignInLimits = SignInLimits {
    account_burst: 20,
    account_refill_ms: 900_000,
    account_address_burst: 10,
    account_address_refill_ms: 60_000,
    device_burst: 10,
    device_refill_ms: 60_000,
    address_burst: 300,
    address_refill_ms: 12_000,
    global_burst: 1_000,
    global_refill_ms: 50,
};

/// A client of the whole service on `store`.
pub(crate) async fn client(store: Arc<dyn Store>) -> TestClient {
    client_with_settings(&settings(), store).await
}

/// The same with settings of its own.
pub(crate) async fn client_with_settings(settings: &HttpSettings, store: Arc<dyn Store>) -> TestClient {
    TestClient(Client::untracked(userd_http::rocket(settings, services(store))).await.expect("the service ignites"))
}

/// A client on a store of its own, with that store.
pub(crate) async fn client_with_store() -> (TestClient, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    (client(Arc::clone(&store) as Arc<dyn Store>).await, store)
}

/// A client of the API.
pub(crate) struct TestClient(pub(crate) Client);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl TestClient {
    /// Sends a request with these headers and this body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl AsRef<[u8]>,
    ) -> TestResponse {
        let mut request = self.0.req(method, path.to_owned());
        for (name, value) in headers {
            request.add_header(Header::new(*name, (*value).to_owned()));
        }
        let response = request.body(body).dispatch().await;
        let headers = response.headers().iter().map(|h| (h.name.to_string(), h.value.to_string())).collect();
        TestResponse { status: response.status().code, headers, body: response.into_bytes().await.unwrap_or_default() }
    }

    /// Sends `body` as JSON.
    pub(crate) async fn json(&self, method: Method, path: &str, body: impl AsRef<[u8]>) -> TestResponse {
        self.send(method, path, &[("Content-Type", "application/json"), ("X-Request-Id", "t")], body).await
    }

    /// Reads `path`.
    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::Get, path, &[("X-Request-Id", "t")], "").await
    }

    /// Signs Ada up, or another user with the same password.
    pub(crate) async fn sign_up(&self, name: &str, email: &str) -> TestResponse {
        let body = serde_json::json!({ "name": name, "email": email, "password": PASSWORD });
        let answer = self.json(Method::Post, "/api/users", body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer
    }
}

/// The headers that all answers have. `headers` tests them; other snapshots leave them out.
const COMMON_HEADERS: [&str; 6] = [
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Permissions-Policy",
    "Referrer-Policy",
    "Cross-Origin-Resource-Policy",
    "X-Request-Id",
];

impl TestResponse {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("the body is JSON: {self}"))
    }

    /// The id in the body.
    pub(crate) fn id(&self) -> String {
        self.value()["id"].as_str().expect("the body has an id").to_owned()
    }

    /// The last part of the problem's type.
    pub(crate) fn slug(&self) -> String {
        let value = self.value();
        let kind = value["type"].as_str().unwrap_or_else(|| panic!("the body is a problem: {self}"));
        kind.strip_prefix("urn:userd:problem:").expect("a problem of ours").to_owned()
    }

    /// The problem's detail.
    pub(crate) fn detail(&self) -> String {
        self.value()["detail"].as_str().expect("the body is a problem").to_owned()
    }

    /// The pointers to the invalid fields, in the order of the answer.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let value = self.value();
        let errors = value["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect()
    }
}

impl std::fmt::Display for TestResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !COMMON_HEADERS.iter().any(|e| e.eq_ignore_ascii_case(name)))
            .collect();
        headers.sort();
        for (name, value) in headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}
