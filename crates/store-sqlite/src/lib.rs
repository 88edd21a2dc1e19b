//! Users in one SQLite database file, for one serving process: the store that needs nothing beside it.
//!
//! Not a server and not shared: a second serving process is refused (see `lock`); SQLite's own tools may
//! read and back up the file while it is served.
//!
//! | module | what it is |
//! |---|---|
//! | `open` | from a path to a database that may be served: folder, lock, file, connections |
//! | `schema` | the tables, and what is checked before a file is taken for ours |
//! | `lock` | one serving process a file |
//! | `writer` | the one thread that writes, and how changes share a commit |
//! | `writes` | each change of users as SQL, inside the writer's transaction |
//! | `session_writes` | each change of sessions, in the same way |
//! | `events` | what is written into a history beside a change, and reading it |
//! | `read_pool` | the read-only connections and the look-ups |
//! | `listing` | reading many users, in pages |
//! | `rows` | from a row to a user, trusting nothing |
//! | `session_rows` | from a row to a session and back |
//! | `sessions` | sessions and histories, as the contract wants them |
//! | `service_keys` | the service's keys |
//! | `offline_keys` | changes of keys in a file that another process serves |
//! | `rate_limit_buckets`, `rate_limit` | counting tries, in memory |
//! | `import_export` | users who come in and go out |
//! | `check` | the doctor: the file, the rows, the count |
//! | `check_sessions` | the doctor on what hangs on users |
//! | `read_only` | a look at a file that another process serves |
//! | `backup` | a copy of the file while it is served, and putting one back |
//! | `checksum` | what tells a damaged row from a written one |
//! | `migrate` | from an older schema to the present one |
//! | `errors` | what went wrong, in sentences |
//!
//! Why it is built so, with figures: `docs/decisions/0004-sqlite-embedded-store.md`.
//!
//! # How to add a kind of change
//! One function in `writes` that takes the writer's connection, one method here that hands it to
//! `SqliteStore::write`, one promise in `crates/store/src/conformance`.

mod backup;
mod check;
mod check_sessions;
mod checksum;
mod errors;
mod events;
mod import_export;
mod listing;
mod lock;
mod migrate;
mod offline_keys;
mod open;
mod rate_limit;
mod rate_limit_buckets;
mod read_only;
mod read_pool;
mod rows;
mod schema;
mod service_keys;
mod session_rows;
mod session_writes;
mod sessions;
mod writer;
mod writes;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

pub use self::backup::{BackupError, BackupSummary, backup, restore};
pub use self::errors::OpenError;
pub use self::offline_keys::OfflineKeyStore;
pub use self::read_only::ReadOnlyDatabase;

use self::check::ConsistencyChecker;
use self::errors::DatabaseError;
use self::rate_limit_buckets::RateLimitBuckets;
use self::read_pool::ReadPool;
use self::writer::WriterHandle;
use userd_core::{Actor, CanonicalEmail, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};
use userd_metrics::Metrics;
use userd_store::{
    CheckBatch, CheckMode, CheckReport, ConsistencyCheck, CreateUserOutcome, DeleteUserOutcome, Finding, FindingState,
    StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};

/// Where the database lies and how much may wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file. It and its folder are made if they are not there, for this user's eyes only.
    pub path: PathBuf,
    /// How many read-only connections; at least one is opened. More than there are request threads are
    /// never used, and each costs up to 8 MiB of page cache.
    pub readers: usize,
    /// How long a change may wait for its answer, and how long another program's lock is waited for.
    pub timeout: Duration,
    /// How many changes may wait for the writer; at least one. Those beyond are refused at once.
    pub queue: usize,
    /// How many events are kept, of all users together; at least one. The oldest go first.
    pub events_retention_max: u64,
}

/// A [`Store`] in one SQLite file.
///
/// Look-ups run on the calling thread: they take some microseconds out of the page cache, less than handing
/// them to a blocking thread and back would cost (`docs/decisions/0004`). Changes wait in a bounded queue for
/// the writer's thread and are answered after their `fsync`.
///
/// Dropping it without [`Store::close`] finishes what is queued, too, but blocks the thread meanwhile.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer's connection is the last one and tidies the log away.
    readers: ReadPool,
    checker: ConsistencyChecker,
    writer: WriterHandle,
    buckets: Mutex<RateLimitBuckets>,
    events_retention_max: u64,
}

impl SqliteStore {
    /// Opens the database that `settings` names, or makes a new one.
    ///
    /// Blocks for some milliseconds, longer if another program holds the file locked.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would mend it.
    pub fn open(settings: &SqliteSettings) -> Result<Self, OpenError> {
        Self::open_with_metrics(settings, &Arc::default())
    }

    /// The same; look-ups and commits are counted in `metrics`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_metrics(settings: &SqliteSettings, metrics: &Arc<Metrics>) -> Result<Self, OpenError> {
        open::open(settings, metrics)
    }

    async fn write<T, A>(&self, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.writer.run(act).await
    }
}

#[async_trait]
impl ConsistencyCheck for SqliteStore {
    /// The count can be mended without guessing, and sessions that let nobody in; everything else is the file's damage.
    async fn check_batch(&self, batch: &CheckBatch, _now: Timestamp) -> Result<CheckReport, StoreError> {
        let mut report = self.checker.check_batch(batch).await?;
        let is_repairable = |finding: &&mut Finding| finding.state == FindingState::Repairable;
        let repairable: Vec<_> = report.findings.iter_mut().filter(is_repairable).collect();
        if batch.mode == CheckMode::Repair && !repairable.is_empty() {
            let batch = batch.clone();
            self.write(move |connection| check::repair(connection, &batch)).await?;
            for finding in repairable {
                finding.state = FindingState::Repaired;
            }
        }
        Ok(report)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError> {
        let (user, event_writer) = (user.clone(), self.event_writer(actor, user.created_at));
        self.write(move |connection| writes::create_user(connection, &user, &event_writer)).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.readers.user(id)
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.readers.user_by_email(email)
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        self.readers.users_count()
    }

    async fn update_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let (profile, event_writer) = (profile.clone(), self.event_writer(actor, now));
        self.write(move |connection| writes::update_profile(connection, id, expected, &profile, &event_writer)).await
    }

    async fn update_password(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let (hash, event_writer) = (password_hash.clone(), self.event_writer(actor, now));
        self.write(move |connection| writes::update_password(connection, id, expected, &hash, keep, &event_writer))
            .await
    }

    async fn update_status(
        &self,
        id: UserId,
        expected: UserVersion,
        status_update: &StatusUpdate,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let (status_update, event_writer) = (status_update.clone(), self.event_writer(actor, now));
        self.write(move |connection| writes::update_status(connection, id, expected, &status_update, &event_writer))
            .await
    }

    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let hash = password_hash.clone();
        self.write(move |connection| writes::update_password_hash(connection, id, expected, &hash)).await
    }

    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        let event_writer = self.event_writer(actor, now);
        self.write(move |connection| writes::delete_user(connection, id, expected, &event_writer)).await
    }

    /// A read; then an empty transaction through the writer's queue, which shows that its thread lives, that
    /// the queue moves and that no other program holds the write lock. It costs no `fsync`, so that a
    /// health check a second costs nothing. Only after a write has failed does the check write for itself (the
    /// pages of the table `probe`, with `fsync`), so that a store whose disk was freed is found well again
    /// though nobody dares to send it a write.
    async fn check_health(&self) -> Result<(), StoreError> {
        self.readers.users_count()?;
        let needs_probe = self.writer.last_write_failed();
        self.write(move |connection| if needs_probe { writes::write_probe(connection) } else { Ok(()) }).await
    }

    async fn close(&self) {
        self.checker.close().await;
        self.readers.close();
        self.writer.close().await;
    }
}
