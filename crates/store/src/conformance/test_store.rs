//! A store under test, with what the promises need around it: a clock, new users, a look around the store.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use userd_core::clock::{Clock, ManualClock};
use userd_core::random::SeededRandom;
use userd_core::{Actor, CanonicalEmail, Email, PasswordHash, Timestamp, User, UserId};

use super::user_fixtures::{self, NOW};
use crate::{CreateUserOutcome, Store, UserProfile};

/// Where the stores of one implementation come from, and how tests look around them.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// A fresh, empty store; further ones may share its servers.
    async fn open_another(&self) -> TestStore;

    /// The same data, opened again after the store was closed.
    async fn reopen(&self) -> Arc<dyn Store>;

    /// Contradictions and leftovers in the stored data, read around the store; empty is good.
    fn audit(&self) -> Vec<String>;

    /// Makes the stored user unreadable, around the store.
    fn corrupt_user(&self, id: UserId);

    /// Undoes [`Self::corrupt_user`] for a user named Grace at the first version.
    fn restore_user(&self, id: UserId);

    /// The file of the store, if it is one file.
    fn database_file(&self) -> Option<PathBuf> {
        None
    }
}

/// A store for one test, with the clock that its users are created by.
pub struct TestStore {
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    harness: Box<dyn StoreHarness>,
    random: SeededRandom,
    known: Mutex<KnownUsers>,
}

/// Every user and e-mail address that the test has created.
#[derive(Default)]
struct KnownUsers {
    ids: BTreeSet<UserId>,
    emails: BTreeSet<CanonicalEmail>,
}

impl TestStore {
    /// A test's store; `harness` is where it comes from.
    pub fn new(store: Arc<dyn Store>, harness: Box<dyn StoreHarness>) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        Self { store, clock, harness, random: SeededRandom::from_seed(1), known: Mutex::default() }
    }

    /// A fresh, empty store of the same kind.
    pub async fn another(&self) -> Self {
        self.harness.open_another().await
    }

    /// The same data after the store was closed and opened again.
    pub async fn reopen(mut self) -> Self {
        self.store.close().await;
        self.store = self.harness.reopen().await;
        self
    }

    /// Contradictions and leftovers in the store; empty is good.
    pub fn audit(&self) -> Vec<String> {
        self.harness.audit()
    }

    /// Makes the stored user unreadable, around the store.
    pub fn corrupt_user(&self, id: UserId) {
        self.harness.corrupt_user(id);
    }

    /// Undoes [`Self::corrupt_user`] for a user named Grace at the first version.
    pub fn restore_user(&self, id: UserId) {
        self.harness.restore_user(id);
    }

    /// The file of the store, which has to be one file.
    pub fn path(&self) -> PathBuf {
        self.harness.database_file().expect("the store is one file")
    }

    /// The time of this store's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new user, not yet in the store.
    pub fn new_user(&self, name: &str, email: &str) -> User {
        self.new_user_at(name, Email::parse(email).expect("an e-mail"))
    }

    /// A new user with a parsed e-mail address.
    pub fn new_user_at(&self, name: &str, email: Email) -> User {
        let user = user_fixtures::new_user_with(name, email, self.now(), &self.random);
        let mut known = self.known.lock().expect("no test panics with it");
        known.ids.insert(user.id);
        known.emails.insert(user.email.canonical().clone());
        drop(known);
        User { password_hash: password_hash(1), ..user }
    }

    /// A profile; its e-mail address is recorded for [`Self::assert_consistent`].
    pub fn profile(&self, name: &str, email: &str) -> UserProfile {
        let profile = user_fixtures::new_profile(name, email);
        self.known.lock().expect("no test panics with it").emails.insert(profile.email.canonical().clone());
        profile
    }

    /// A user who has signed up.
    pub async fn signed_up(&self, name: &str, email: &str) -> User {
        let user = self.new_user(name, email);
        assert_eq!(
            self.store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
            CreateUserOutcome::Created,
            "{email}"
        );
        user
    }

    /// The user with this id now.
    pub async fn user(&self, id: UserId) -> Option<User> {
        self.store.user(id).await.expect("the store works")
    }

    /// The user with this e-mail now.
    pub async fn by_email(&self, email: &str) -> Option<User> {
        let email = CanonicalEmail::parse(email).expect("an e-mail");
        self.store.user_by_email(&email).await.expect("the store works")
    }

    /// Nothing is left behind, every user of this test who is found by id is found by e-mail address and the reverse,
    /// and their number is the store's count.
    pub async fn assert_consistent(&self) {
        assert_eq!(self.audit(), Vec::<String>::new());
        let (ids, emails) = {
            let known = self.known.lock().expect("no test panics with it");
            (known.ids.clone(), known.emails.clone())
        };
        let mut by_id = BTreeSet::new();
        for id in ids {
            if let Some(user) = self.user(id).await {
                let same = self.store.user_by_email(user.email.canonical()).await.expect("the store works");
                assert_eq!(same.as_ref(), Some(&user), "found by id");
                by_id.insert(id);
            }
        }
        let mut by_email = BTreeSet::new();
        for email in emails {
            if let Some(user) = self.store.user_by_email(&email).await.expect("the store works") {
                assert_eq!(user.email.canonical(), &email, "found by e-mail");
                assert_eq!(self.user(user.id).await.as_ref(), Some(&user), "found by e-mail");
                by_email.insert(user.id);
            }
        }
        assert_eq!(by_id, by_email);
        assert_eq!(self.store.users_count().await.expect("the store works"), by_id.len() as u64);
    }
}

/// A well-formed hash, different for each number.
pub fn password_hash(number: u64) -> PasswordHash {
    let text = format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA${number:042x}A");
    PasswordHash::parse(&text).expect("a PHC string")
}
