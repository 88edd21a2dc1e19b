//! The stores of the conformance suite and of other tests, on any back end, and access to their data around the store.
//!
//! # How to add a back end
//! A variant of [`TestBackend`], an arm in [`TestBackend::open`], a [`StoreHarness`] if it is no Redis, and a line in
//! `tests/it/conformance.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use userd_core::random::SystemRandom;
use userd_core::{Email, UserId};
pub use userd_store::conformance::{StoreHarness, TestStore, password_hash, run_concurrently};
use userd_store::memory::MemoryStore;
use userd_store::{EVENTS_RETENTION_DEFAULT, Store};
use userd_store_redis::layout::KeyLayout;
use userd_store_redis::{RedisSettings, RedisStore};
use userd_store_sqlite::{SqliteSettings, SqliteStore};

use super::redis_audit;
use super::redis_targets::RedisTestTarget;

/// Far above the duration of a change on a busy machine: a test that reaches it has found a hang.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The back ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestBackend {
    /// The reference implementation.
    Memory,
    /// A SQLite file.
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

impl TestBackend {
    /// A fresh, empty store.
    pub async fn open(self) -> TestStore {
        let target = match self {
            Self::Memory => return MemoryHarness::open(),
            Self::Embedded => return SqliteHarness::open(),
            Self::Redis => RedisTestTarget::single(),
            Self::RedisLeastPrivilege => RedisTestTarget::single_with_least_privilege(),
            Self::Sentinel => RedisTestTarget::sentinel_with_least_privilege(),
            Self::Cluster => RedisTestTarget::cluster_with_least_privilege(),
        };
        RedisHarness::open(Arc::new(target)).await
    }
}

/// The memory store. Its data can't be damaged, and there is nothing around it to look at.
struct MemoryHarness {
    store: Arc<MemoryStore>,
}

impl MemoryHarness {
    fn open() -> TestStore {
        let store = Arc::new(MemoryStore::default());
        TestStore::new(Arc::clone(&store) as Arc<dyn Store>, Box::new(Self { store }))
    }
}

#[async_trait]
impl StoreHarness for MemoryHarness {
    async fn open_another(&self) -> TestStore {
        Self::open()
    }

    async fn reopen(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn audit(&self) -> Vec<String> {
        Vec::new()
    }

    fn corrupt_user(&self, _: UserId) {
        panic!("the memory store can't be damaged");
    }

    fn restore_user(&self, _: UserId) {
        panic!("the memory store can't be damaged");
    }
}

/// A SQLite file in a folder of its own.
struct SqliteHarness {
    folder: TempDir,
}

impl SqliteHarness {
    fn open() -> TestStore {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(&sqlite_settings(&database_path(&folder))).expect("a fresh database");
        TestStore::new(Arc::new(store), Box::new(Self { folder }))
    }

    fn overwrite_columns(&self, id: UserId, columns: &str) {
        let file = Connection::open(database_path(&self.folder)).expect("the database opens");
        let sql = format!("UPDATE users SET {columns} WHERE id = ?1");
        assert_eq!(file.execute(&sql, [&id.as_bytes()[..]]).expect("the row is there"), 1);
    }
}

#[async_trait]
impl StoreHarness for SqliteHarness {
    async fn open_another(&self) -> TestStore {
        Self::open()
    }

    async fn reopen(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&sqlite_settings(&database_path(&self.folder))).expect("the same database"))
    }

    fn audit(&self) -> Vec<String> {
        audit_database(&database_path(&self.folder)).expect("the database can be read")
    }

    fn corrupt_user(&self, id: UserId) {
        self.overwrite_columns(id, "name = 'Mallory'");
    }

    fn restore_user(&self, id: UserId) {
        self.overwrite_columns(id, "name = 'Grace'");
    }

    fn database_file(&self) -> Option<PathBuf> {
        Some(database_path(&self.folder))
    }
}

/// A prefix on Redis servers, which other stores may share.
struct RedisHarness {
    target: Arc<RedisTestTarget>,
    settings: RedisSettings,
}

impl RedisHarness {
    async fn open(target: Arc<RedisTestTarget>) -> TestStore {
        let settings = target.next_store_settings();
        let store = redis_store(&settings).await;
        TestStore::new(Arc::new(store), Box::new(Self { target, settings }))
    }

    fn overwrite_revision(&self, id: UserId, revision: &str) {
        let key = KeyLayout::with_prefix(self.settings.prefix.clone()).user(id);
        let holders = self.target.servers.holders();
        // A node of a cluster refuses a key of another node.
        let took = holders.iter().filter(|node| node.try_command(&["HSET", &key, "rev", revision]).is_ok());
        assert_eq!(took.count(), 1, "one server holds {key}");
    }
}

#[async_trait]
impl StoreHarness for RedisHarness {
    async fn open_another(&self) -> TestStore {
        Self::open(Arc::clone(&self.target)).await
    }

    async fn reopen(&self) -> Arc<dyn Store> {
        Arc::new(redis_store(&self.settings).await)
    }

    fn audit(&self) -> Vec<String> {
        redis_audit::audit(&*self.target.servers, &self.settings.prefix).all()
    }

    fn corrupt_user(&self, id: UserId) {
        self.overwrite_revision(id, "x");
    }

    fn restore_user(&self, id: UserId) {
        self.overwrite_revision(id, "1");
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
