//! [`SqliteStore`]: opening it, users and the consistency check, as the contract defines them.
//!
//! Not what the file has to contain: see `schema`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, params};
use userd_core::{Actor, CanonicalEmail, EventKind, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};
use userd_metrics::Metrics;
use userd_store::{
    CheckBatch, CheckMode, CheckReport, ConsistencyCheck, CreateUserOutcome, DeleteUserOutcome, Finding, FindingState,
    StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};

use super::check::{self, ConsistencyChecker};
use super::checksum::version;
use super::connection::{configure_writer, connect, connect_reader, set_checkpoint_on_close};
use super::database_file::{ServingLock, create_private, ensure_one_name, resolve};
use super::errors::{DatabaseError, OpenError, UnavailableReason};
use super::events::EventWriter;
use super::file_guard::FileGuard;
use super::rate_limit_buckets::RateLimitBuckets;
use super::read_pool::ReadPool;
use super::rows::{query_user, user_exists};
use super::settings::SqliteSettings;
use super::sql::{USER, USER_BY_EMAIL, USERS_COUNT};
use super::writer::WriterHandle;
use super::{log_marker, schema, session_rows, writes};

/// How long a look-up waits for another program's lock. With a write-ahead log readers wait only while another program
/// repairs or converts the file. The wait blocks a request thread, so it is short.
const READ_BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// A [`Store`] in one SQLite file.
///
/// Look-ups run on the calling thread: from the page cache they take some microseconds, less than a hand-over to a
/// blocking thread and back (`docs/decisions/0004`). Changes wait in a bounded queue for the writer thread and are
/// answered after their `fsync`.
///
/// Dropping it without [`Store::close`] also finishes the queue, but blocks the thread meanwhile.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer's connection is the last one and removes the log.
    pub(super) readers: ReadPool,
    pub(super) checker: ConsistencyChecker,
    pub(super) writer: WriterHandle,
    pub(super) guard: Arc<FileGuard>,
    pub(super) buckets: Mutex<RateLimitBuckets>,
    pub(super) events_retention_max: u64,
}

impl SqliteStore {
    /// Opens the database that `settings` names, or creates it: folder, lock, file, connections, in this order.
    ///
    /// Blocks for some milliseconds, longer if another program has locked the file.
    ///
    /// # Errors
    /// What is wrong and how to fix it.
    pub fn open(settings: &SqliteSettings) -> Result<Self, OpenError> {
        Self::open_with_metrics(settings, &Arc::default())
    }

    /// The same, with metrics of look-ups and commits.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_metrics(settings: &SqliteSettings, metrics: &Arc<Metrics>) -> Result<Self, OpenError> {
        let path = resolve(&settings.path)?;
        let lock = ServingLock::acquire(&path)?;
        create_private(&path)?;
        ensure_one_name(&path)?;
        let engine = |source| OpenError::from_engine(&path, source);
        let mut writing = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, settings.timeout).map_err(engine)?;
        schema::prepare(&mut writing, &path)?;
        log_marker::ensure_log(&writing, &path)?;
        configure_writer(&writing, &path)?;
        set_checkpoint_on_close(&writing, false).map_err(engine)?;
        let reader = || connect_reader(&path, READ_BUSY_TIMEOUT).map_err(engine);
        let reading = (0..settings.readers.max(1)).map(|_| reader()).collect::<Result<_, _>>()?;
        let checker = ConsistencyChecker::new(reader()?);
        // Once the connections have opened the log.
        let guard = Arc::new(FileGuard::of(&path).map_err(|source| OpenError::File(path.clone(), source))?);
        let readers = ReadPool::new(reading, Some(Arc::clone(&guard)), Arc::clone(metrics)).map_err(engine)?;
        let writer = WriterHandle::start(writing, lock, settings, Arc::clone(metrics)).map_err(OpenError::Thread)?;
        let (buckets, events_retention_max) = (Mutex::default(), settings.events_retention_max);
        Ok(Self { readers, checker, writer, guard, buckets, events_retention_max })
    }

    /// Runs `act` in the writer's transaction; see `writer`.
    pub(super) async fn write<T, A>(&self, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.guard.check_if_due().map_err(UnavailableReason::into_store_error)?;
        self.writer.run(act).await
    }

    /// Records the events of a change by `actor`.
    pub(super) fn event_writer(&self, actor: &Actor, now: Timestamp) -> EventWriter {
        EventWriter { actor: actor.clone(), now, retention_max: self.events_retention_max }
    }
}

#[async_trait]
impl ConsistencyCheck for SqliteStore {
    /// Repairs the count, and deletes sessions that authenticate no user; every other finding is damage of the file.
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
        self.readers.read(|connection| query_user(connection, USER, [&id.as_bytes()[..]]))
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.readers.read(|connection| query_user(connection, USER_BY_EMAIL, [email.as_str()]))
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .readers
            .read(|connection| Ok(connection.prepare_cached(USERS_COUNT)?.query_row([], |row| row.get(0))?))?;
        u64::try_from(count).map_err(|error| StoreError::corrupt("meta/users_count", error))
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
        self.write(move |connection| {
            let mut kind = EventKind::ProfileChanged;
            let update = writes::update_user(connection, id, expected, |user| {
                if user.email.canonical() != profile.email.canonical() {
                    kind = EventKind::EmailChanged;
                }
                user.name = profile.name;
                user.email = profile.email;
                user.updated_at = now;
            })?;
            if matches!(update, UpdateUserOutcome::Updated(_)) {
                event_writer.write(connection, id, kind)?;
            }
            Ok(update)
        })
        .await
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
        self.write(move |connection| {
            let update = writes::update_user(connection, id, expected, |user| {
                user.password_hash = hash;
                user.status.password_expired = false;
                user.updated_at = now;
            })?;
            if matches!(update, UpdateUserOutcome::Updated(_)) {
                session_rows::delete_others(connection, id, keep)?;
                event_writer.write(connection, id, EventKind::PasswordChanged)?;
            }
            Ok(update)
        })
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
        self.write(move |connection| {
            let update = writes::update_user(connection, id, expected, |user| {
                status_update.apply(user);
                user.updated_at = now;
            })?;
            if matches!(update, UpdateUserOutcome::Updated(_)) {
                if status_update.revokes_sessions() {
                    session_rows::delete_others(connection, id, None)?;
                }
                event_writer.write(connection, id, status_update.kind)?;
            }
            Ok(update)
        })
        .await
    }

    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let hash = password_hash.clone();
        let change = |user: &mut User| user.password_hash = hash;
        self.write(move |connection| writes::update_user(connection, id, expected, change)).await
    }

    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        let event_writer = self.event_writer(actor, now);
        self.write(move |connection| {
            // A trigger deletes the sessions.
            let mut delete = connection.prepare_cached("DELETE FROM users WHERE id = ?1 AND version = ?2")?;
            if delete.execute(params![&id.as_bytes()[..], version(expected)])? == 1 {
                event_writer.write(connection, id, EventKind::Deleted)?;
                return Ok(DeleteUserOutcome::Deleted);
            }
            let exists = user_exists(connection, id)?;
            Ok(if exists { DeleteUserOutcome::VersionConflict } else { DeleteUserOutcome::NotFound })
        })
        .await
    }

    /// A read; then an empty transaction through the writer's queue, which shows that its thread lives, that the queue
    /// moves and that no other program holds the write lock. It costs no `fsync`, so that frequent checks are cheap.
    /// Only after a failed write does the check itself write (the pages of the table `probe`, with `fsync`), so that a
    /// store recovers when its disk has room again, although it gets no writes while it is unhealthy.
    async fn check_health(&self) -> Result<(), StoreError> {
        self.guard.check().map_err(UnavailableReason::into_store_error)?;
        self.users_count().await?;
        let needs_probe = self.writer.last_write_failed();
        self.write(move |connection| if needs_probe { writes::write_probe(connection) } else { Ok(()) }).await
    }

    async fn close(&self) {
        self.checker.close().await;
        self.readers.close();
        self.writer.close().await;
    }
}
