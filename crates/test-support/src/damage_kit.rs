//! Helpers for the doctor's tests: check runs over a store, and a Redis whose keys are damaged around the store.

use std::sync::Arc;

use userd_core::clock::{Clock, ManualClock};
use userd_core::{Actor, CanonicalEmail, User};
use userd_service::doctor::{CheckOptions, Doctor, DoctorReport};
use userd_store::{CheckMode, ConsistencyCheck, CreateUserOutcome, Finding, FindingKind, FindingState, Store};
use userd_store_redis::RedisStore;
use userd_store_redis::layout::{KeyLayout, Shard};

use super::fixtures::{NOW, new_user, parse_email};
use super::recovery::store_with_long_timeout;
use super::redis_server::{RedisServer, command};

/// One check run without a rate limit.
pub async fn check_store<S: ConsistencyCheck>(
    store: &Arc<S>,
    clock: &Arc<ManualClock>,
    mode: CheckMode,
) -> DoctorReport {
    let doctor = Doctor::new(Arc::<S>::clone(store), Arc::<ManualClock>::clone(clock));
    doctor.run(CheckOptions { mode, rate_per_s: 0 }, &|_, _| {}).await.expect("the store is there")
}

/// What was found, without the details.
pub fn finding_kinds(report: &DoctorReport) -> Vec<(FindingKind, FindingState)> {
    let mut kinds: Vec<_> = report.findings.iter().map(|Finding { kind, state, .. }| (*kind, *state)).collect();
    kinds.sort();
    kinds
}

/// A Redis of its own, with a store on it.
pub struct DamageKit {
    pub server: RedisServer,
    pub clock: Arc<ManualClock>,
    pub store: Arc<RedisStore>,
    keys: KeyLayout,
}

impl DamageKit {
    pub async fn open() -> Self {
        let server = RedisServer::start();
        let store = Arc::new(store_with_long_timeout(server.settings()).await);
        let (clock, keys) = (Arc::new(ManualClock::at(NOW)), KeyLayout::with_prefix("userd:".to_owned()));
        Self { server, clock, store, keys }
    }

    /// A user who has signed up.
    pub async fn signed_up(&self, email: &str) -> User {
        let user = new_user(&self.clock, email);
        assert_eq!(
            self.store.create_user(&user, Actor::anonymous()).await.expect("served"),
            CreateUserOutcome::Created,
            "{email}"
        );
        user
    }

    pub async fn run_check(&self, mode: CheckMode) -> DoctorReport {
        check_store(&self.store, &self.clock, mode).await
    }

    /// Every key with its content.
    pub fn everything(&self) -> Vec<(String, redis::Value)> {
        let mut keys = self.server.texts(&["KEYS", "*"]);
        keys.sort();
        let connection = &mut self.server.connection().expect("the server takes connections");
        let dump = |key: String| {
            let value = command(&["DUMP", &key]).query(connection).expect("an answer");
            (key, value)
        };
        keys.into_iter().map(dump).collect()
    }

    /// The user with this e-mail address.
    pub async fn by_email(&self, email: &str) -> Option<User> {
        self.store.user_by_email(parse_email(email).canonical()).await.expect("served")
    }

    pub fn now_ms(&self) -> u64 {
        self.clock.now().as_millis()
    }

    /// Sends a command, around the store.
    pub fn plant(&self, words: &[&str]) {
        self.server.command(words);
    }

    pub fn record(&self, user: &User) -> String {
        self.keys.user(user.id)
    }

    pub fn claim(&self, email: &str) -> String {
        self.keys.claim(&CanonicalEmail::from_stored(email.to_owned()))
    }

    pub fn sessions(&self, user: &User) -> String {
        self.keys.sessions(user.id)
    }

    pub fn events(&self, user: &User) -> String {
        self.keys.events(Shard::of_user(user.id))
    }

    pub fn users(&self, user: &User) -> String {
        self.keys.users(Shard::of_user(user.id))
    }

    pub fn emails(&self, user: &User) -> String {
        self.keys.emails(Shard::of_user(user.id))
    }
}
