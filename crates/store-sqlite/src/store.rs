//! [`SqliteStore`]: users and the consistency check, as the contract defines them.

use std::sync::Mutex;

use async_trait::async_trait;
use rusqlite::Connection;
use userd_core::{Actor, CanonicalEmail, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};
use userd_store::{
    CheckBatch, CheckMode, CheckReport, ConsistencyCheck, CreateUserOutcome, DeleteUserOutcome, Finding, FindingState,
    StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};

use super::check::{self, ConsistencyChecker};
use super::errors::DatabaseError;
use super::events::EventWriter;
use super::rate_limit_buckets::RateLimitBuckets;
use super::read_pool::ReadPool;
use super::writer::WriterHandle;
use super::writes;

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
    pub(super) buckets: Mutex<RateLimitBuckets>,
    pub(super) events_retention_max: u64,
}

impl SqliteStore {
    /// Runs `act` in the writer's transaction; see `writer`.
    pub(super) async fn write<T, A>(&self, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
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

    /// A read; then an empty transaction through the writer's queue, which shows that its thread lives, that the queue
    /// moves and that no other program holds the write lock. It costs no `fsync`, so that frequent checks are cheap.
    /// Only after a failed write does the check itself write (the pages of the table `probe`, with `fsync`), so that a
    /// store recovers when its disk has room again, although it gets no writes while it is unhealthy.
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
