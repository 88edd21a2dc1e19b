//! Histories of accounts: one row an event, in the transaction of the change that it tells of.
//!
//! No checksum: nothing is decided by an event.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::checksum::millis;
use super::errors::Failure;
use super::rows::{RowError, number, read};
use super::session_rows::{address_bytes, address_from};
use crate::domain::{Agent, CallerId, Client, Event, EventKind, Timestamp, UserId};

/// How many events are kept unless somebody wants more or fewer: about 100 bytes each, with their index.
pub const EVENTS_KEPT: u64 = 1_000_000;

/// The most old events that go with a new one. One would do; more let a smaller limit come true by and by, and no
/// change waits for the rest.
const FORGOTTEN_MAX: i64 = 8;

const INSERT: &str = "INSERT INTO events (user, kind, at, address, caller) VALUES (?1, ?2, ?3, ?4, ?5)";

/// The one row of the failures at e-mails of nobody, over the one before: no stranger's try takes the place of what
/// happened to somebody.
const REPLACE_STRANGER: &str =
    "INSERT OR REPLACE INTO events (number, user, kind, at, address, caller) VALUES (-1, ?1, ?2, ?3, ?4, ?5)";

/// Numbers grow by one, so the oldest are those that are too far behind: no counting.
const FORGET: &str = "DELETE FROM events WHERE number IN \
     (SELECT number FROM events WHERE number BETWEEN 0 AND ?1 ORDER BY number LIMIT ?2)";

/// The last events of a user, the last one first.
pub(super) const EVENTS: &str =
    "SELECT number, kind, at, address, caller FROM events WHERE user = ?1 ORDER BY number DESC LIMIT ?2";

/// What is written beside a change: who does it, when, and how many events are kept.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) client: Client,
    pub(super) now: Timestamp,
    pub(super) kept: u64,
}

impl Note {
    /// Writes that `kind` happened to `user`, and forgets what is too old.
    pub(super) fn write(&self, connection: &Connection, user: UserId, kind: EventKind) -> Result<(), Failure> {
        self.insert(connection, INSERT, user.as_bytes(), kind)?;
        let kept = i64::try_from(self.kept.max(1)).unwrap_or(i64::MAX);
        let too_old = connection.last_insert_rowid().saturating_sub(kept);
        connection.prepare_cached(FORGET)?.execute([too_old, FORGOTTEN_MAX])?;
        Ok(())
    }

    /// Does the work of [`Self::write`] and leaves one row, however often: for an e-mail that is nobody's.
    pub(super) fn write_of_nobody(&self, connection: &Connection, kind: EventKind) -> Result<(), Failure> {
        self.insert(connection, REPLACE_STRANGER, &[0; 16], kind)?;
        connection.prepare_cached(FORGET)?.execute([-1, FORGOTTEN_MAX])?;
        Ok(())
    }

    fn insert(&self, connection: &Connection, sql: &str, user: &[u8; 16], kind: EventKind) -> Result<(), Failure> {
        connection.prepare_cached(sql)?.execute(params![
            &user[..],
            kind.word(),
            millis(self.now),
            address_bytes(self.client.address),
            self.client.caller.to_string(),
        ])?;
        Ok(())
    }
}

/// The last `most` events of `user`, in the order in which they happened. A kind that a later userd wrote is left out.
pub(super) fn events(connection: &Connection, user: UserId, most: usize) -> Result<Vec<Event>, Failure> {
    let mut statement = connection.prepare_cached(EVENTS)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![&user.as_bytes()[..], most])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.extend(event(row, user)?);
    }
    events.reverse();
    Ok(events)
}

fn event(row: &Row<'_>, user: UserId) -> Result<Option<Event>, Failure> {
    let (kind, at, address, caller) = (row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?, row.get_ref(4)?);
    match parse(user, kind, at, address, caller) {
        Ok(event) => Ok(event),
        Err(source) => Err(Failure::Row { key: format!("events/{}", row.get::<_, i64>(0)?), source }),
    }
}

fn parse(
    user: UserId,
    kind: ValueRef<'_>,
    at: ValueRef<'_>,
    address: ValueRef<'_>,
    caller: ValueRef<'_>,
) -> Result<Option<Event>, RowError> {
    let Some(kind) = EventKind::from_word(read("kind", kind.as_str())?) else { return Ok(None) };
    let client = Client {
        address: address_from(address)?,
        agent: Agent::default(),
        caller: CallerId::from_stored(read("caller", caller.as_str())?).ok_or(RowError::Other("caller"))?,
    };
    Ok(Some(Event { user, kind, at: Timestamp::from_millis(number("at", at, 0)?), client }))
}
