//! A fresh store for one test, on any back end, and access to its data around the store.
//!
//! # How to add a back end
//! A variant of [`TestBackend`], an arm in [`TestStore::open`] (and where the compiler asks for one), and a line in
//! `tests/it/conformance/mod.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use userd_core::clock::{Clock, ManualClock};
use userd_core::random::{SeededRandom, SystemRandom};
use userd_core::{Actor, CanonicalEmail, Email, PasswordHash, Timestamp, User, UserId};
use userd_store::EVENTS_RETENTION_DEFAULT;
use userd_store::{CreateUserOutcome, Store, UserProfile};
use userd_store_redis::layout::KeyLayout;
use userd_store_redis::{RedisSettings, RedisStore};
use userd_store_sqlite::{SqliteSettings, SqliteStore};

use super::fixtures::{self, NOW};
use super::redis_audit;
use super::redis_targets::RedisTestTarget;

/// Far above the duration of a change on a busy machine: a test that reaches it has found a hang.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The back ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestBackend {
    Embedded,
    /// One server.
    Redis,
    /// One server, with the rights that the operations page lists and no others.
    RedisLeastPrivilege,
    /// A group with Sentinels, with the same rights.
    Sentinel,
    /// A cluster, with the same rights.
    Cluster,
}

/// What lives as long as the store.
enum StoreResources {
    Embedded(TempDir),
    Redis(Arc<RedisTestTarget>, Box<RedisSettings>),
}

/// A store for one test, with the clock that its users are created by.
pub struct TestStore {
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    resources: StoreResources,
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
    /// A fresh, empty store.
    pub async fn open(backend: TestBackend) -> Self {
        let (store, resources): (Arc<dyn Store>, StoreResources) = match backend {
            TestBackend::Embedded => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let store = SqliteStore::open(&sqlite_settings(&database_path(&folder))).expect("a fresh database");
                (Arc::new(store), StoreResources::Embedded(folder))
            }
            TestBackend::Redis => return Self::on(Arc::new(RedisTestTarget::single())).await,
            TestBackend::RedisLeastPrivilege => {
                return Self::on(Arc::new(RedisTestTarget::single_with_least_privilege())).await;
            }
            TestBackend::Sentinel => return Self::on(Arc::new(RedisTestTarget::sentinel_with_least_privilege())).await,
            TestBackend::Cluster => return Self::on(Arc::new(RedisTestTarget::cluster_with_least_privilege())).await,
        };
        Self::new(store, resources)
    }

    async fn on(resources: Arc<RedisTestTarget>) -> Self {
        let settings = Box::new(resources.next_store_settings());
        Self::new(Arc::new(redis_store(&settings).await), StoreResources::Redis(resources, settings))
    }

    fn new(store: Arc<dyn Store>, resources: StoreResources) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        Self { store, clock, resources, random: SeededRandom::from_seed(1), known: Mutex::default() }
    }

    /// A fresh, empty store of the same kind; in Redis on the same servers.
    pub async fn another(&self) -> Self {
        match &self.resources {
            StoreResources::Embedded(_) => Self::open(TestBackend::Embedded).await,
            StoreResources::Redis(resources, _) => Self::on(Arc::clone(resources)).await,
        }
    }

    /// The same data after the store was closed and opened again.
    pub async fn reopen(mut self) -> Self {
        self.store.close().await;
        self.store = match &self.resources {
            StoreResources::Embedded(folder) => {
                Arc::new(SqliteStore::open(&sqlite_settings(&database_path(folder))).expect("the same database"))
            }
            StoreResources::Redis(_, settings) => Arc::new(redis_store(settings).await),
        };
        self
    }

    /// Contradictions and leftovers in the store; empty is good.
    pub fn audit(&self) -> Vec<String> {
        match &self.resources {
            StoreResources::Embedded(folder) => {
                audit_database(&database_path(folder)).expect("the database can be read")
            }
            StoreResources::Redis(resources, settings) => {
                redis_audit::audit(&*resources.servers, &settings.prefix).all()
            }
        }
    }

    /// Makes the stored user unreadable, around the store.
    pub fn corrupt_user(&self, id: UserId) {
        self.overwrite_columns(id, "name = 'Mallory'", "x");
    }

    /// Undoes [`Self::corrupt_user`] for a user named Grace at the first version.
    pub fn restore_user(&self, id: UserId) {
        self.overwrite_columns(id, "name = 'Grace'", "1");
    }

    fn overwrite_columns(&self, id: UserId, columns: &str, rev: &str) {
        match &self.resources {
            StoreResources::Embedded(folder) => {
                let file = Connection::open(database_path(folder)).expect("the database opens");
                let sql = format!("UPDATE users SET {columns} WHERE id = ?1");
                assert_eq!(file.execute(&sql, [&id.as_bytes()[..]]).expect("the row is there"), 1);
            }
            StoreResources::Redis(resources, settings) => {
                let key = KeyLayout::with_prefix(settings.prefix.clone()).user(id);
                let holders = resources.servers.holders();
                // A node of a cluster refuses a key of another node.
                let took = holders.iter().filter(|node| node.try_command(&["HSET", &key, "rev", rev]).is_ok());
                assert_eq!(took.count(), 1, "one server holds {key}");
            }
        }
    }

    /// The file of the SQLite store.
    pub fn path(&self) -> PathBuf {
        match &self.resources {
            StoreResources::Embedded(folder) => database_path(folder),
            StoreResources::Redis(..) => panic!("Redis keeps no file of ours"),
        }
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
        let user = fixtures::new_user_with(name, email, self.now(), &self.random);
        let mut known = self.known.lock().expect("no test panics with it");
        known.ids.insert(user.id);
        known.emails.insert(user.email.canonical().clone());
        drop(known);
        User { password_hash: password_hash(1), ..user }
    }

    /// A profile; its e-mail address is recorded for [`Self::assert_consistent`].
    pub fn profile(&self, name: &str, email: &str) -> UserProfile {
        let profile = fixtures::new_profile(name, email);
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

/// The database in a test's folder.
pub fn database_path(folder: &TempDir) -> PathBuf {
    folder.path().join("data").join("userd.db")
}

/// Settings for tests: generous limits, so that only what a test provokes goes wrong.
pub fn sqlite_settings(path: &Path) -> SqliteSettings {
    SqliteSettings {
        path: path.to_owned(),
        readers: 2,
        timeout: TIMEOUT,
        queue: 1024,
        events_retention_max: EVENTS_RETENTION_DEFAULT,
    }
}

async fn redis_store(settings: &RedisSettings) -> RedisStore {
    let settings = RedisSettings { timeout: TIMEOUT, ..settings.clone() };
    RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("the server is good")
}

/// A well-formed hash, different for each number.
pub fn password_hash(number: u64) -> PasswordHash {
    let text = format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA${number:042x}A");
    PasswordHash::parse(&text).expect("a PHC string")
}

/// Runs the calls as tasks that start together; returns their results in the same order.
pub async fn run_concurrently<T, F>(acts: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let acts: Vec<F> = acts.into_iter().collect();
    let barrier = Arc::new(Barrier::new(acts.len()));
    let mut tasks = JoinSet::new();
    for (place, act) in acts.into_iter().enumerate() {
        let barrier = Arc::clone(&barrier);
        tasks.spawn(async move {
            barrier.wait().await;
            (place, act.await)
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Audits the whole file around the store.
pub fn audit_database(path: &Path) -> rusqlite::Result<Vec<String>> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut found = Vec::new();
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        found.push(integrity);
    }
    let (rows, kept): (i64, i64) = database.query_row(
        "SELECT (SELECT count(*) FROM users), (SELECT value FROM meta WHERE key = 'users_count')",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if rows != kept {
        found.push(format!("{rows} users, but {kept} are counted"));
    }
    let stray: i64 =
        database.query_row("SELECT count(*) FROM sessions WHERE user NOT IN (SELECT id FROM users)", [], |row| {
            row.get(0)
        })?;
    if stray > 0 {
        found.push(format!("{stray} sessions without a user"));
    }
    let mut statement = database.prepare("SELECT hex(id), email, canonical FROM users")?;
    let mut rows = statement.query([])?;
    let mut seen = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (id, written, canonical): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !seen.insert(canonical.clone()) {
            found.push(format!("{canonical} is there twice"));
        }
        if Email::parse(&written).is_ok_and(|email| email.canonical().as_str() != canonical) {
            found.push(format!("user {id} wrote {written}, which is not {canonical}"));
        }
    }
    Ok(found)
}
