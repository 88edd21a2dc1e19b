//! Stores that userd 0.1.0 has written work. Records written today have the same shape, so that a 0.1.0 on the same
//! store continues to work during the upgrade, and rejects what it must not accept.
//!
//! The program of commit 8ada867 made the fixtures through its HTTP API: a signed-in user, changed e-mails and
//! passwords, a deleted user, and in Redis an e-mail change that a crash interrupted between its intent and its claim.
//! The keys and tokens in them are used nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redis::Commands as _;
use rocket::http::Method::{Get, Post, Put};
use rocket::local::asynchronous::Client;
use serde_json::Value;
use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_core::{AccountStatus, Actor, CanonicalEmail, EventKind, PasswordPolicy, Timestamp};
use userd_http::HttpDependencies;
use userd_service::doctor::{CheckOptions, Doctor, DoctorReport};
use userd_service::{KeyEncryption, ServiceDependencies, Services};
use userd_store::{CheckMode, FindingState, StatusUpdate, Store};
use userd_store_redis::RedisStore;
use userd_store_sqlite::SqliteStore;

use super::test_app::{RequestHeaders, bearer};
use super::{
    CHEAP_HASHES, OTHER_PASSWORD, PASSWORD, TestClient, TestResponse, hasher, random, service_settings, settings,
};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::stores;

const REDIS_FORMAT_1: &str = include_str!("../fixtures/redis-format-1.json");
const SCHEMA_3: &[u8] = include_bytes!("../fixtures/embedded-schema-3.db");
const SCHEMA_3_KNOWN: &str = include_str!("../fixtures/embedded-schema-3.json");

/// The present userd on a store of 0.1.0.
struct UpgradedStore {
    api: TestClient,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    known: Value,
}

impl UpgradedStore {
    /// Serves two minutes after the store was written, when every intent is overdue.
    async fn serve(store: Arc<dyn Store>, known: Value) -> Self {
        // Ids begin with the time of the sign-up.
        let id = known["ada"]["id"].as_str().expect("an id").replace('-', "");
        let written = u64::from_str_radix(&id[..12], 16).expect("milliseconds");
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(written + 120_000)));
        let service_dependencies = ServiceDependencies {
            store: Arc::clone(&store),
            hasher: hasher(&CHEAP_HASHES),
            key_encryption: Arc::new(KeyEncryption::new(None)),
            clock: Arc::clone(&clock) as _,
            random: random(2),
        };
        let mut service_settings = service_settings();
        // Redis checks sessions by its own clock, which is long after the sign-ins of the fixture.
        let century_ms = 100 * 365 * 86_400_000;
        service_settings.sessions.idle_ms = century_ms;
        service_settings.sessions.absolute_ms = century_ms;
        let services = Services::new(&service_dependencies, &service_settings);
        let http_dependencies = HttpDependencies {
            services,
            store: Arc::clone(&store),
            random: random(3),
            policy: PasswordPolicy::default(),
        };
        let api = Client::untracked(userd_http::rocket(&settings(), http_dependencies)).await.expect("it ignites");
        Self { api: TestClient(api), store, clock, known }
    }

    async fn login(&self, email: &str, password: &str) -> TestResponse {
        let body = serde_json::json!({ "email": email, "password": password, "refresh": true }).to_string();
        self.api.json(Post, "/api/login", body).await
    }

    async fn fetch(&self, path: &str, token: &Value) -> TestResponse {
        let headers: RequestHeaders = bearer(token.as_str().expect("a token"));
        let headers: Vec<(&'static str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.api.send(Get, path, &headers, "").await
    }

    async fn doctor(&self, mode: CheckMode) -> DoctorReport {
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        let doctor = Doctor::new(Arc::clone(&self.store) as _, clock);
        doctor.run(CheckOptions { mode, rate_per_s: 0 }, &|_, _| {}).await.expect("a whole pass")
    }

    /// All users sign in as before, and everything works.
    async fn everything_works(&self) {
        for (email, password) in [
            ("ada@example.org", PASSWORD),
            ("Bob@Example.org", PASSWORD),
            ("eve@bücher.example", PASSWORD),
            ("mel@example.org", OTHER_PASSWORD),
        ] {
            assert_eq!(self.login(email, password).await.status, 200, "{email}");
            assert_eq!(self.login(email, "a wrong password").await.status, 401, "{email}");
        }
        for email in ["gone@example.org", "bob+tag@example.org", "mel.new@example.org"] {
            assert_eq!(self.login(email, PASSWORD).await.status, 401, "{email}");
            assert_eq!(self.api.sign_up("New", email).await.status, 200, "{email} is free");
        }
        for who in ["ada", "bob"] {
            let person = &self.known[who];
            let session = self.fetch("/api/session", &person["token"]).await;
            assert_eq!((session.status, &session.value()["user"]["id"]), (200, &person["id"]), "{who}: {session}");
            let body = serde_json::json!({ "refresh_token": person["refresh_token"] }).to_string();
            assert_eq!(self.api.json(Post, "/api/token/refresh", body).await.status, 200, "{who}");
        }
        assert_eq!(
            self.fetch("/api/users/ada@example.org", &self.known["api_key"]).await.status,
            200,
            "the API key is accepted"
        );
        let ada = self.user("ada@example.org").await;
        let kinds: Vec<_> =
            self.store.events(ada.id, 99).await.expect("served").iter().map(|event| event.kind).collect();
        assert!(kinds.contains(&EventKind::SignedUp), "{kinds:?}");
        let path = format!("/api/users/{}", self.user("mel@example.org").await.id);
        let body = format!(r#"{{"name":"mel","email":"mel2@example.org","password":"{OTHER_PASSWORD}"}}"#);
        let key = self.known["api_key"].as_str().expect("a key");
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        assert_eq!(self.api.send(Put, &path, &headers, body).await.status, 200);
        assert_eq!(self.login("mel2@example.org", OTHER_PASSWORD).await.status, 200);
    }

    async fn user(&self, email: &str) -> userd_core::User {
        let email = CanonicalEmail::parse(email).expect("an e-mail");
        self.store.user_by_email(&email).await.expect("served").expect("is there")
    }
}

/// Writes the data of 0.1.0 into a Redis; returns the credentials of its users.
fn write_redis_fixture(server: &RedisServer) -> Value {
    let fixture: Value = serde_json::from_str(REDIS_FORMAT_1).expect("JSON");
    let mut connection = redis::Client::open(server.url()).expect("a URL").get_connection().expect("it is there");
    for words in fixture["commands"].as_array().expect("commands") {
        let mut words = words.as_array().expect("words").iter().map(|word| word.as_str().expect("text"));
        let mut command = redis::cmd(words.next().expect("a name"));
        for word in words {
            match word.strip_prefix("base64:") {
                Some(bytes) => command.arg(STANDARD.decode(bytes).expect("Base64")),
                None => command.arg(word),
            };
        }
        command.exec(&mut connection).expect("it takes it");
    }
    fixture["known"].clone()
}

#[rocket::async_test]
async fn a_redis_of_format_1_works_with_all_its_users_and_the_doctor_repairs_what_a_crash_left() {
    let server = RedisServer::start();
    let known = write_redis_fixture(&server);
    let store = RedisStore::start(server.settings(), Arc::new(SystemRandom)).await.expect("format 1 is known");
    let found = UpgradedStore::serve(Arc::new(store), known).await;
    let report = found.doctor(CheckMode::Repair).await;
    assert_eq!(report.count(FindingState::Manual), 0, "{:?}", report.findings);
    assert_eq!(report.users, 4);
    found.everything_works().await;
    let report = found.doctor(CheckMode::Report).await;
    assert_eq!(report.findings, Vec::new());
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

#[rocket::async_test]
async fn a_file_of_schema_3_works_with_all_its_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("userd.db");
    fs::write(&path, SCHEMA_3).expect("a file");
    let store = SqliteStore::open(&stores::sqlite_settings(&path)).expect("schema 3 is known");
    let found = UpgradedStore::serve(Arc::new(store), serde_json::from_str(SCHEMA_3_KNOWN).expect("JSON")).await;
    assert_eq!(found.doctor(CheckMode::Report).await.findings, Vec::new());
    found.everything_works().await;
    assert_eq!(found.doctor(CheckMode::Report).await.findings, Vec::new());
    found.store.close().await;
}

/// An entry of a stream: its id, and names and values.
type RawStreamEntry = (String, Vec<(String, Vec<u8>)>);

/// For each kind of key: its type, and the fields or the form of its values.
fn shapes(server: &RedisServer) -> BTreeMap<String, BTreeSet<String>> {
    let mut connection = redis::Client::open(server.url()).expect("a URL").get_connection().expect("it is there");
    let mut shapes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in server.texts(&["KEYS", "*"]) {
        let kind = key.split(':').filter(|part| !part.starts_with('{')).take(2).collect::<Vec<_>>().join(":");
        let shape = shapes.entry(kind.clone()).or_default();
        match server.text(&["TYPE", &key]).as_str() {
            "hash" if kind == "userd:sessions" => {
                // `<half of the id><letter>` or the whole id, and the length of the value; an address may end it.
                for (field, value) in connection.hgetall::<_, BTreeMap<Vec<u8>, Vec<u8>>>(&key).expect("a hash") {
                    let letter = field.get(8).filter(|_| field.len() == 9).map_or('-', |&letter| char::from(letter));
                    let length = match (letter, value.len()) {
                        ('u', _) => 0,
                        ('-', 32 | 36 | 48) => 32,
                        (_, length) => length,
                    };
                    shape.insert(format!("{} {letter} {length}", field.len()));
                }
            }
            "hash" if kind == "userd:user" => shape.extend(server.texts(&["HKEYS", &key])),
            "string" if kind == "userd:claim" => {
                let value = server.text(&["GET", &key]);
                shape.insert(format!("{} then {}", value.find(':').unwrap_or_default(), value.matches(':').count()));
            }
            "stream" => {
                let entries: Vec<RawStreamEntry> =
                    redis::cmd("XRANGE").arg(&key).arg("-").arg("+").query(&mut connection).expect("a stream");
                shape.extend(entries.into_iter().flat_map(|(_, fields)| fields).map(|(name, _)| name));
            }
            kind => _ = shape.insert(kind.to_owned()),
        }
    }
    // Marks of shards are newer than 0.1.0, which ignores them.
    shapes.retain(|kind, _| ![":throttle", ":ack", ":store"].iter().any(|end| kind.ends_with(end)));
    shapes
}

#[rocket::async_test]
async fn new_records_have_the_shape_that_0_1_0_reads_and_it_rejects_what_it_must_not_accept() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let known = write_redis_fixture(&old);
    let store = RedisStore::start(new.settings(), Arc::new(SystemRandom)).await.expect("a fresh one");
    let found = UpgradedStore::serve(Arc::new(store), known).await;
    for email in ["ada@example.org", "bob@example.org"] {
        assert_eq!(found.api.sign_up("N", email).await.status, 200);
        assert_eq!(found.login(email, PASSWORD).await.status, 200);
    }
    let (ada, bob) = (found.user("ada@example.org").await, found.user("bob@example.org").await);
    let body = format!(r#"{{"name":"N","email":"bob2@example.org","password":"{PASSWORD}"}}"#);
    assert_eq!(found.api.json(Put, &format!("/api/users/{}", bob.id), body).await.status, 200);
    let (then, now) = (shapes(&old), shapes(&new));
    for (kind, shape) in &now {
        let known = then.get(kind).unwrap_or_else(|| panic!("0.1.0 knows no {kind}"));
        assert!(shape.is_subset(known), "{kind}: {shape:?} in place of {known:?}");
    }
    for kind in ["user", "claim", "sessions", "events", "users", "emails", "meta", "keys"] {
        assert!(now.contains_key(&format!("userd:{kind}")), "{kind} of {now:?}");
    }
    // 0.1.0 computes hashes with this prefix, and answers 500 to any other.
    let begins = |user: &userd_core::User| {
        let keys = new.texts(&["KEYS", &format!("userd:*:user:{}", user.id)]);
        new.text(&["HGET", &keys[0], "salt"])
    };
    assert!(begins(&ada).starts_with("$argon2id$v=19$m="), "{}", begins(&ada));
    let status = AccountStatus { disabled: true, password_expired: false };
    let update = StatusUpdate { status, password_hash: None, kind: EventKind::Disabled };
    let now = Timestamp::from_millis(ada.created_at.as_millis() + 1);
    found.store.update_status(ada.id, ada.version, &update, &Actor::default(), now).await.expect("served");
    assert!(begins(&ada).starts_with("$off-argon2id$"), "{}", begins(&ada));
}
