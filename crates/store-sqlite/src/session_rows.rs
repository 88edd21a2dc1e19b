//! Rows of `sessions`: validating them, and writing them with their checksum.
//!
//! Not which sessions exist: see `session_writes`.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row, params};

use super::checksum::{checksum, millis, values};
use super::errors::{DatabaseError, RowError};
use super::rows::{address_from, number, read, user_from_row};
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

/// The columns that change during the life of a session.
const UPDATE: &str = "UPDATE sessions SET seen_at = ?3, refresh = ?4, checksum = ?5 WHERE user = ?1 AND id = ?2";

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
    readable(connection, SESSIONS, [&user.as_bytes()[..]])
}

fn readable(connection: &Connection, sql: &str, key: impl Params) -> Result<Vec<Session>, DatabaseError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        match session_from_row(row, 0) {
            Ok(session) => sessions.push(session),
            Err(DatabaseError::Row { key, source }) => {
                tracing::warn!(key, %source, "the record of a session can't be read");
            }
            Err(other) => return Err(other),
        }
    }
    Ok(sessions)
}

/// Writes a new session.
pub(super) fn insert(connection: &Connection, user: UserId, session: &Session) -> Result<(), DatabaseError> {
    let (address, refresh) = (address_to_bytes(session.address), refresh_bytes(session));
    connection.prepare_cached(INSERT)?.execute(params![
        &user.as_bytes()[..],
        &session.id.as_bytes()[..],
        &session.proof.as_bytes()[..],
        millis(session.created_at),
        millis(session.last_used_at),
        address,
        session.agent.as_str(),
        refresh,
        of_session(user, session, &address, refresh.as_deref()),
    ])?;
    Ok(())
}

/// Writes the changed columns of an existing session.
pub(super) fn update(connection: &Connection, user: UserId, session: &Session) -> Result<(), DatabaseError> {
    let (address, refresh) = (address_to_bytes(session.address), refresh_bytes(session));
    let sum = of_session(user, session, &address, refresh.as_deref());
    let (user, id) = (&user.as_bytes()[..], &session.id.as_bytes()[..]);
    connection.prepare_cached(UPDATE)?.execute(params![user, id, millis(session.last_used_at), refresh, sum])?;
    Ok(())
}

/// The checksum of the row that `session` is written as.
fn of_session(user: UserId, session: &Session, address: &[u8], refresh: Option<&[u8]>) -> i64 {
    checksum([
        ValueRef::Blob(user.as_bytes()),
        ValueRef::Blob(session.id.as_bytes()),
        ValueRef::Blob(session.proof.as_bytes()),
        ValueRef::Integer(millis(session.created_at)),
        ValueRef::Integer(millis(session.last_used_at)),
        ValueRef::Blob(address),
        ValueRef::Text(session.agent.as_str().as_bytes()),
        refresh.map_or(ValueRef::Null, ValueRef::Blob),
    ])
}

/// The session in `row`, whose columns of [`session_columns`](super::sql::session_columns) begin at `first`.
///
/// # Errors
/// [`DatabaseError::Row`] with the row's key if it is invalid.
pub(super) fn session_from_row(row: &Row<'_>, first: usize) -> Result<Session, DatabaseError> {
    let values = values(row, first)?;
    let kept = row.get_ref(first + COLUMNS)?;
    let parsed = session_from_values(values).and_then(|session| match kept.as_i64() {
        Ok(kept) if kept == checksum(values) => Ok(session),
        _ => Err(RowError::Checksum),
    });
    match parsed {
        Ok(session) => Ok(session),
        Err(source) => Err(DatabaseError::Row { key: key(values, row.get_ref(first + COLUMNS + 1)?), source }),
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

fn key(values: [ValueRef<'_>; COLUMNS], rowid: ValueRef<'_>) -> String {
    let user = values[0].as_blob().ok().and_then(UserId::from_slice);
    let id = values[1].as_blob().ok().and_then(SessionId::from_slice);
    match (user, id, rowid.as_i64()) {
        (Some(user), Some(id), _) => format!("sessions/{user}/{id}"),
        (_, _, Ok(rowid)) => format!("sessions/rowid {rowid}"),
        _ => "sessions".to_owned(),
    }
}

fn refresh_bytes(session: &Session) -> Option<Vec<u8>> {
    session.refresh.as_ref().map(RefreshState::to_bytes)
}
