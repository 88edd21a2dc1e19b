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
//! | `changes` | each change of users as SQL, inside the writer's transaction |
//! | `session_changes` | each change of sessions, in the same way |
//! | `events` | what is written into a history beside a change, and reading it |
//! | `readers` | the read-only connections and the look-ups |
//! | `directory` | reading many users, in pages |
//! | `rows` | from a row to a user, trusting nothing |
//! | `session_rows` | from a row to a session and back |
//! | `sessions` | sessions and histories, as the contract wants them |
//! | `keys` | the service's keys |
//! | `keys_beside` | changes of keys in a file that another process serves |
//! | `buckets`, `throttle` | counting tries, in memory |
//! | `transfer` | users who come in and go out |
//! | `examine` | the doctor: the file, the rows, the count |
//! | `examine_sessions` | the doctor on what hangs on users |
//! | `beside` | a look at a file that another process serves |
//! | `backup` | a copy of the file while it is served, and putting one back |
//! | `checksum` | what tells a damaged row from a written one |
//! | `migrate` | from an older schema to the present one |
//! | `errors` | what went wrong, in sentences |
//!
//! Why it is built so, with figures: `docs/decisions/0004-sqlite-embedded-store.md`.
//!
//! # How to add a kind of change
//! One function in `changes` that takes the writer's connection, one method here that hands it to
//! `EmbeddedStore::change`, one promise in `tests/it/contract`.

mod backup;
mod beside;
mod buckets;
mod changes;
mod checksum;
mod directory;
mod errors;
mod events;
mod examine;
mod examine_sessions;
mod keys;
mod keys_beside;
mod lock;
mod migrate;
mod open;
mod readers;
mod rows;
mod schema;
mod session_changes;
mod session_rows;
mod sessions;
mod throttle;
mod transfer;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

pub use self::backup::{BackupError, Copied, backup, restore};
pub use self::beside::EmbeddedFile;
pub use self::errors::OpenError;
pub use self::keys_beside::EmbeddedKeys;

use self::buckets::Buckets;
use self::errors::Failure;
use self::examine::Examiner;
use self::readers::Readers;
use self::writer::Writer;
use userd_core::{CanonicalEmail, Client, PasswordHash, SessionId, Timestamp, User, UserId, Version};
use userd_metrics::Metrics;
use userd_store::{
    Examine, Examined, Finding, FindingState, Insert, Portion, Profile, Remove, Ruling, Store, StoreError, Treatment,
    Update,
};

/// Where the database lies and how much may wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
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
    pub events_kept: u64,
}

/// A [`Store`] in one SQLite file.
///
/// Look-ups run on the calling thread: they take some microseconds out of the page cache, less than handing
/// them to a blocking thread and back would cost (`docs/decisions/0004`). Changes wait in a bounded queue for
/// the writer's thread and are answered after their `fsync`.
///
/// Dropping it without [`Store::close`] finishes what is queued, too, but blocks the thread meanwhile.
#[derive(Debug)]
pub struct EmbeddedStore {
    // Dropped in this order: the writer's connection is the last one and tidies the log away.
    readers: Readers,
    examiner: Examiner,
    writer: Writer,
    buckets: Mutex<Buckets>,
    events_kept: u64,
}

impl EmbeddedStore {
    /// Opens the database that `settings` names, or makes a new one.
    ///
    /// Blocks for some milliseconds, longer if another program holds the file locked.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would mend it.
    pub fn open(settings: &EmbeddedSettings) -> Result<Self, OpenError> {
        Self::open_counted(settings, &Arc::default())
    }

    /// The same; look-ups and commits are counted in `metrics`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_counted(settings: &EmbeddedSettings, metrics: &Arc<Metrics>) -> Result<Self, OpenError> {
        open::open(settings, metrics)
    }

    async fn change<T, A>(&self, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.writer.run(act).await
    }
}

#[async_trait]
impl Examine for EmbeddedStore {
    /// The count can be mended without guessing, and sessions that let nobody in; everything else is the file's damage.
    async fn examine(&self, portion: &Portion, _now: Timestamp) -> Result<Examined, StoreError> {
        let mut examined = self.examiner.look(portion).await?;
        let mendable = |finding: &&mut Finding| finding.state == FindingState::Mendable;
        let to_mend: Vec<_> = examined.findings.iter_mut().filter(mendable).collect();
        if portion.treatment == Treatment::Repair && !to_mend.is_empty() {
            let portion = portion.clone();
            self.change(move |connection| examine::mend(connection, &portion)).await?;
            for finding in to_mend {
                finding.state = FindingState::Mended;
            }
        }
        Ok(examined)
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn insert_user(&self, user: &User, client: &Client) -> Result<Insert, StoreError> {
        let (user, note) = (user.clone(), self.note(client, user.created_at));
        self.change(move |connection| changes::insert_user(connection, &user, &note)).await
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

    async fn replace_profile(
        &self,
        id: UserId,
        expected: Version,
        profile: &Profile,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let (profile, note) = (profile.clone(), self.note(client, now));
        self.change(move |connection| changes::replace_profile(connection, id, expected, &profile, &note)).await
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let (hash, note) = (password_hash.clone(), self.note(client, now));
        self.change(move |connection| changes::replace_password(connection, id, expected, &hash, keep, &note)).await
    }

    async fn replace_standing(
        &self,
        id: UserId,
        expected: Version,
        ruling: &Ruling,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let (ruling, note) = (ruling.clone(), self.note(client, now));
        self.change(move |connection| changes::replace_standing(connection, id, expected, &ruling, &note)).await
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
    ) -> Result<Update, StoreError> {
        let hash = password_hash.clone();
        self.change(move |connection| changes::replace_password_hash(connection, id, expected, &hash)).await
    }

    async fn remove_user(
        &self,
        id: UserId,
        expected: Version,
        client: &Client,
        now: Timestamp,
    ) -> Result<Remove, StoreError> {
        let note = self.note(client, now);
        self.change(move |connection| changes::remove_user(connection, id, expected, &note)).await
    }

    /// A read; then an empty transaction through the writer's queue, which shows that its thread lives, that
    /// the queue moves and that no other program holds the write lock. It costs no `fsync`, so that a
    /// health check a second costs nothing. Only after a write has failed does the check write for itself (the
    /// pages of the table `probe`, with `fsync`), so that a store whose disk was freed is found well again
    /// though nobody dares to send it a write.
    async fn check(&self) -> Result<(), StoreError> {
        self.readers.users_count()?;
        let suspect = self.writer.last_write_failed();
        self.change(move |connection| if suspect { changes::write_probe(connection) } else { Ok(()) }).await
    }

    async fn close(&self) {
        self.examiner.close().await;
        self.readers.close();
        self.writer.close().await;
    }
}
