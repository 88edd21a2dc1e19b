//! What the doctor's tests stand on: passes over a store, and a Redis whose keys are damaged past the store.

use std::sync::Arc;

use userd_core::clock::{Clock, ManualClock};
use userd_core::{CanonicalEmail, Client, User};
use userd_service::doctor::{Course, Doctor, Report};
use userd_store::{Examine, Finding, FindingKind, FindingState, Insert, Store, Treatment};
use userd_store_redis::RedisStore;
use userd_store_redis::keys::{Keys, Shard};

use super::people::{NOW, address, person};
use super::recovery::patient_store;
use super::redis_server::RedisServer;

/// One pass without a limit.
pub async fn pass<S: Examine>(store: &Arc<S>, clock: &Arc<ManualClock>, treatment: Treatment) -> Report {
    let doctor = Doctor::new(Arc::<S>::clone(store), Arc::<ManualClock>::clone(clock));
    doctor.pass(Course { treatment, rate_per_s: 0 }, &|_, _| {}).await.expect("the store is there")
}

/// What was found, without the details.
pub fn kinds(report: &Report) -> Vec<(FindingKind, FindingState)> {
    let mut kinds: Vec<_> = report.findings.iter().map(|Finding { kind, state, .. }| (*kind, *state)).collect();
    kinds.sort();
    kinds
}

/// A Redis of a test's own, with a store on it.
pub struct Ward {
    pub server: RedisServer,
    pub clock: Arc<ManualClock>,
    pub store: Arc<RedisStore>,
    keys: Keys,
}

impl Ward {
    pub async fn open() -> Self {
        let server = RedisServer::start();
        let store = Arc::new(patient_store(server.settings()).await);
        let (clock, keys) = (Arc::new(ManualClock::at(NOW)), Keys::below("userd:".to_owned()));
        Self { server, clock, store, keys }
    }

    /// Somebody who has signed up.
    pub async fn signed_up(&self, email: &str) -> User {
        let user = person(&self.clock, email);
        assert_eq!(self.store.insert_user(&user, Client::nobody()).await.expect("served"), Insert::Inserted, "{email}");
        user
    }

    pub async fn pass(&self, treatment: Treatment) -> Report {
        pass(&self.store, &self.clock, treatment).await
    }

    /// Every key with what it holds.
    pub fn everything(&self) -> Vec<(String, redis::Value)> {
        let mut keys = self.server.texts(&["KEYS", "*"]);
        keys.sort();
        keys.into_iter().map(|key| (key.clone(), self.server.command(&["DUMP", &key]))).collect()
    }

    /// Who is found by this e-mail.
    pub async fn by_email(&self, email: &str) -> Option<User> {
        self.store.user_by_email(address(email).canonical()).await.expect("served")
    }

    pub fn now_ms(&self) -> u64 {
        self.clock.now().as_millis()
    }

    /// Sends a command, past the store.
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
