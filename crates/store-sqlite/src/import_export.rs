//! Import of users, about a thousand in one transaction, and export of users with their sessions, each batch in one
//! snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::errors::DatabaseError;
use super::events::EventWriter;
use super::read_only::ReadOnlyDatabase;
use super::rows::query_user;
use super::session_rows;
use super::sql::USER;
use super::store::SqliteStore;
use super::writes::{INSERT, write_user};
use userd_core::{Actor, EventKind, SessionLimits, Timestamp, UserId};
use userd_store::{AccountRecord, ExportRecord, ExportStore, ImportOutcome, ImportStore, StoreError};

/// Users per transaction: enough to make the share of the fsync negligible, and few enough for a slow disk to write
/// them within the time limit of a change.
const USERS_PER_TRANSACTION: usize = 1024;

const HOLDER: &str = "SELECT 1 FROM users WHERE canonical = ?1";

#[async_trait]
impl ImportStore for SqliteStore {
    async fn import_users(
        &self,
        batch: Arc<[AccountRecord]>,
        _limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        let event_writer = self.event_writer(actor, now);
        let mut outcomes = Vec::with_capacity(batch.len());
        for first in (0..batch.len()).step_by(USERS_PER_TRANSACTION) {
            let (batch, event_writer) = (Arc::clone(&batch), event_writer.clone());
            let act = move |connection: &Connection| {
                let users = batch.iter().skip(first).take(USERS_PER_TRANSACTION);
                users
                    .map(|account| import(connection, account, &event_writer))
                    .collect::<Result<Vec<_>, DatabaseError>>()
            };
            outcomes.extend(self.write(act).await?);
        }
        Ok(outcomes)
    }
}

fn import(
    connection: &Connection,
    account: &AccountRecord,
    event_writer: &EventWriter,
) -> Result<ImportOutcome, DatabaseError> {
    let user = &account.user;
    if write_user(connection, INSERT, user)? == 1 {
        for session in &account.sessions {
            session_rows::insert(connection, user.id, session)?;
        }
        event_writer.write(connection, user.id, EventKind::Imported)?;
        return Ok(ImportOutcome::Imported);
    }
    match query_user(connection, USER, [&user.id.as_bytes()[..]]) {
        Ok(Some(kept)) if account.matches_stored(&kept) => Ok(ImportOutcome::Same),
        // A row that can't be parsed differs, too.
        Ok(Some(_)) | Err(DatabaseError::Row { .. }) => Ok(ImportOutcome::Differs),
        Ok(None) => {
            let mut holder = connection.prepare_cached(HOLDER)?;
            let taken = holder.query_row([user.email.canonical().as_str()], |_| Ok(())).optional()?.is_some();
            let damaged = || ImportOutcome::Unavailable("the table is inconsistent: run userd doctor".to_owned());
            Ok(if taken { ImportOutcome::EmailTaken } else { damaged() })
        }
        Err(failure) => Err(failure),
    }
}

#[async_trait]
impl ExportStore for SqliteStore {
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError> {
        self.readers.read(|connection| export_users(connection, ids))
    }
}

#[async_trait]
impl ExportStore for ReadOnlyDatabase {
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError> {
        self.readers.read(|connection| export_users(connection, ids))
    }
}

/// The record of each user, all from one snapshot.
fn export_users(connection: &Connection, ids: &[UserId]) -> Result<Vec<ExportRecord>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let found = ids.iter().map(|id| export_record(&snapshot, *id)).collect();
    snapshot.finish()?;
    found
}

fn export_record(connection: &Connection, id: UserId) -> Result<ExportRecord, DatabaseError> {
    match query_user(connection, USER, [&id.as_bytes()[..]]) {
        Ok(Some(user)) => {
            let sessions = session_rows::sessions(connection, id)?;
            Ok(ExportRecord::Account(Box::new(AccountRecord { user, sessions })))
        }
        Ok(None) => Ok(ExportRecord::NotFound),
        Err(DatabaseError::Row { key, source }) => {
            tracing::warn!(key, %source, "the record of a user can't be read");
            Ok(ExportRecord::Unreadable)
        }
        Err(failure) => Err(failure),
    }
}
