//! Rows of `sessions`: validating them, and writing them with their checksum.
//!
//! A row that does not match its checksum is not changed, only deleted: a new checksum would hide the damage.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::checksum::{millis, verified, write_row};
use super::errors::{DatabaseError, RowError};
use super::rows::{address_from, number, query_all, read, user_from_row};
use super::sql::{SESSION, SESSION_WITH_USER, SESSIONS};
use userd_core::{
    RefreshState, Session, SessionId, SessionProof, Timestamp, User, UserAgent, UserId, address_to_bytes,
};

/// The columns that the checksum covers: all.
const COLUMNS: usize = 8;

/// The first column of the session in [`SESSION_WITH_USER`], after those of the user.
const AFTER_USER: usize = 10;

const INSERT: &str = "INSERT INTO sessions (user, id, proof, made_at, seen_at, address, agent, refresh, checksum) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// The columns that change during the life of a session; the parameters are those of [`INSERT`].
const UPDATE: &str = "UPDATE sessions SET seen_at = ?5, refresh = ?8, checksum = ?9 WHERE user = ?1 AND id = ?2";

const DELETE: &str = "DELETE FROM sessions WHERE user = ?1 AND id = ?2";

/// If none is kept, `?2` is null, which no id equals.
const DELETE_OTHERS: &str = "DELETE FROM sessions WHERE user = ?1 AND id IS NOT ?2";

/// The session `id` of `user` with its user, if both exist.
pub(super) fn session_with_user(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<Option<(User, Session)>, DatabaseError> {
    let mut statement = connection.prepare_cached(SESSION_WITH_USER)?;
    let mut rows = statement.query(params![&user.as_bytes()[..], &id.as_bytes()[..]])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((user_from_row(row)?, session_from_row(row, AFTER_USER)?)))
}

/// The session `id` of `user`.
pub(super) fn session(connection: &Connection, user: UserId, id: SessionId) -> Result<Option<Session>, DatabaseError> {
    let mut statement = connection.prepare_cached(SESSION)?;
    let mut rows = statement.query(params![&user.as_bytes()[..], &id.as_bytes()[..]])?;
    rows.next()?.map(|row| session_from_row(row, 0)).transpose()
}

/// The valid sessions of `user`, the newest first. An invalid one authenticates no user and limits none; the
/// consistency check reports it.
pub(super) fn sessions(connection: &Connection, user: UserId) -> Result<Vec<Session>, DatabaseError> {
    query_all(connection, SESSIONS, [&user.as_bytes()[..]], |row| match session_from_row(row, 0) {
        Err(DatabaseError::Row { key, source }) => {
            tracing::warn!(key, %source, "the record of a session can't be read");
            Ok(None)
        }
        session => session.map(Some),
    })
}

/// Writes a new session.
pub(super) fn insert(connection: &Connection, user: UserId, session: &Session) -> Result<(), DatabaseError> {
    write(connection, INSERT, user, session)
}

/// Writes the changed columns of an existing session.
pub(super) fn update(connection: &Connection, user: UserId, session: &Session) -> Result<(), DatabaseError> {
    write(connection, UPDATE, user, session)
}

/// Runs a statement with all columns of `session` as parameters.
fn write(connection: &Connection, sql: &str, user: UserId, session: &Session) -> Result<(), DatabaseError> {
    let address = address_to_bytes(session.address);
    let refresh = session.refresh.as_ref().map(RefreshState::to_bytes);
    let columns = [
        ValueRef::Blob(user.as_bytes()),
        ValueRef::Blob(session.id.as_bytes()),
        ValueRef::Blob(session.proof.as_bytes()),
        ValueRef::Integer(millis(session.created_at)),
        ValueRef::Integer(millis(session.last_used_at)),
        ValueRef::Blob(&address),
        ValueRef::Text(session.agent.as_str().as_bytes()),
        refresh.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
    ];
    write_row(connection, sql, columns)?;
    Ok(())
}

/// Deletes all sessions of the user except `keep`, as a part of another change.
pub(super) fn delete_others(
    connection: &Connection,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<(), DatabaseError> {
    let keep = keep.as_ref().map(|id| &id.as_bytes()[..]);
    connection.prepare_cached(DELETE_OTHERS)?.execute(params![&user.as_bytes()[..], keep])?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, user: UserId, id: SessionId) -> Result<bool, DatabaseError> {
    let ended = connection.prepare_cached(DELETE)?.execute(params![&user.as_bytes()[..], &id.as_bytes()[..]])?;
    Ok(ended == 1)
}

/// The session in `row`, whose columns of [`session_columns`](super::sql::session_columns) begin at `first`.
///
/// # Errors
/// [`DatabaseError::Row`] with the row's key if it is invalid.
pub(super) fn session_from_row(row: &Row<'_>, first: usize) -> Result<Session, DatabaseError> {
    let parsed = verified(row, first, session_from_values)?;
    let read = |place| row.get_ref(first + place);
    match parsed {
        Ok(session) => Ok(session),
        Err(source) => Err(DatabaseError::Row { key: key(read(0)?, read(1)?, read(COLUMNS + 1)?), source }),
    }
}

fn session_from_values(
    [user, id, proof, created_at, last_used_at, address, agent, refresh]: [ValueRef<'_>; COLUMNS],
) -> Result<Session, RowError> {
    user.as_blob().ok().and_then(UserId::from_slice).ok_or(RowError::Id)?;
    let refresh = match read("refresh", refresh.as_blob_or_null())? {
        Some(bytes) => Some(RefreshState::from_bytes(bytes).ok_or(RowError::Other("refresh"))?),
        None => None,
    };
    Ok(Session {
        id: SessionId::from_slice(read("id", id.as_blob())?).ok_or(RowError::Id)?,
        proof: SessionProof::from_slice(read("proof", proof.as_blob())?).ok_or(RowError::Other("proof"))?,
        created_at: Timestamp::from_millis(number("made_at", created_at, 0)?),
        last_used_at: Timestamp::from_millis(number("seen_at", last_used_at, 0)?),
        address: address_from(address)?,
        agent: UserAgent::from_stored(read("agent", agent.as_str())?.to_owned()),
        refresh,
    })
}

fn key(user: ValueRef<'_>, id: ValueRef<'_>, rowid: ValueRef<'_>) -> String {
    let user = user.as_blob().ok().and_then(UserId::from_slice);
    let id = id.as_blob().ok().and_then(SessionId::from_slice);
    match (user, id, rowid.as_i64()) {
        (Some(user), Some(id), _) => format!("sessions/{user}/{id}"),
        (_, _, Ok(rowid)) => format!("sessions/rowid {rowid}"),
        _ => "sessions".to_owned(),
    }
}
