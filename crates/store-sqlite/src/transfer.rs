//! Users who come in, a thousand in one transaction, and users with their sessions as they are written out, each page
//! in one.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::changes::{INSERT, write};
use super::errors::Failure;
use super::events::Note;
use super::readers::{USER, look_up};
use super::{EmbeddedFile, EmbeddedStore, session_rows};
use userd_core::{Client, EventKind, SessionLimits, Timestamp, UserId};
use userd_store::{Account, Arrival, Departure, Exporting, Importing, StoreError};

/// How many come in with one change: so many that their fsync costs each next to nothing, and so few that a slow disk
/// writes them within the time limit of a change.
const TOGETHER: usize = 1024;

const HOLDER: &str = "SELECT 1 FROM users WHERE canonical = ?1";

#[async_trait]
impl Importing for EmbeddedStore {
    async fn import_users(
        &self,
        batch: Arc<[Account]>,
        _limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Vec<Arrival>, StoreError> {
        let note = self.note(client, now);
        let mut arrivals = Vec::with_capacity(batch.len());
        for first in (0..batch.len()).step_by(TOGETHER) {
            let (batch, note) = (Arc::clone(&batch), note.clone());
            let act = move |connection: &Connection| {
                let some = batch.iter().skip(first).take(TOGETHER);
                some.map(|account| import(connection, account, &note)).collect::<Result<Vec<_>, Failure>>()
            };
            arrivals.extend(self.change(act).await?);
        }
        Ok(arrivals)
    }
}

fn import(connection: &Connection, account: &Account, note: &Note) -> Result<Arrival, Failure> {
    let user = &account.user;
    if write(connection, INSERT, user)? == 1 {
        for session in &account.sessions {
            session_rows::insert(connection, user.id, session)?;
        }
        note.write(connection, user.id, EventKind::Imported)?;
        return Ok(Arrival::Inserted);
    }
    match look_up(connection, USER, [&user.id.as_bytes()[..]]) {
        Ok(Some(kept)) if account.is_kept_as(&kept) => Ok(Arrival::Same),
        // A row that can't be read is another one, too.
        Ok(Some(_)) | Err(Failure::Row { .. }) => Ok(Arrival::Differs),
        Ok(None) => {
            let mut holder = connection.prepare_cached(HOLDER)?;
            let taken = holder.query_row([user.email.canonical().as_str()], |_| Ok(())).optional()?.is_some();
            let damaged = || Arrival::Refused("the table contradicts itself: run userd doctor".to_owned());
            Ok(if taken { Arrival::EmailTaken } else { damaged() })
        }
        Err(failure) => Err(failure),
    }
}

#[async_trait]
impl Exporting for EmbeddedStore {
    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Departure>, StoreError> {
        self.readers.read(|connection| accounts(connection, ids))
    }
}

#[async_trait]
impl Exporting for EmbeddedFile {
    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Departure>, StoreError> {
        self.readers.read(|connection| accounts(connection, ids))
    }
}

/// What is found of each, all of one moment.
fn accounts(connection: &Connection, ids: &[UserId]) -> Result<Vec<Departure>, Failure> {
    let moment = connection.unchecked_transaction()?;
    let found = ids.iter().map(|id| departure(&moment, *id)).collect();
    moment.finish()?;
    found
}

fn departure(connection: &Connection, id: UserId) -> Result<Departure, Failure> {
    match look_up(connection, USER, [&id.as_bytes()[..]]) {
        Ok(Some(user)) => {
            let sessions = session_rows::sessions(connection, id)?;
            Ok(Departure::Account(Box::new(Account { user, sessions })))
        }
        Ok(None) => Ok(Departure::Gone),
        Err(Failure::Row { key, source }) => {
            tracing::warn!(key, %source, "a user can't be read");
            Ok(Departure::Unreadable)
        }
        Err(failure) => Err(failure),
    }
}
