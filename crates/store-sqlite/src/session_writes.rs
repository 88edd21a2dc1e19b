//! Changes of sessions. Every function runs inside the writer's transaction and a savepoint of its own.
//!
//! A row that does not match its checksum is not changed, only deleted: a new checksum would hide the damage.

use rusqlite::{Connection, params};

use super::errors::DatabaseError;
use super::events::EventWriter;
use super::rows::{query_user, user_exists};
use super::session_rows::{insert, session, sessions, update};
use super::sql::USER;
use userd_core::{
    Actor, EventKind, PrincipalId, RefreshState, Session, SessionId, SessionLimits, Timestamp, UserId, UserVersion,
};
use userd_store::{NewSession, OpenSessionOutcome};

const DELETE: &str = "DELETE FROM sessions WHERE user = ?1 AND id = ?2";

/// If none is kept, `?2` is null, which no id equals.
const DELETE_OTHERS: &str = "DELETE FROM sessions WHERE user = ?1 AND id IS NOT ?2";

/// Opens `new` for the user whose version is `expected`; the actor in `event_writer` is the client that signs in.
pub(super) fn open(
    connection: &Connection,
    user: UserId,
    expected: UserVersion,
    new: NewSession,
    limits: &SessionLimits,
    mut event_writer: EventWriter,
) -> Result<OpenSessionOutcome, DatabaseError> {
    match query_user(connection, USER, [&user.as_bytes()[..]])? {
        None => return Ok(OpenSessionOutcome::NotFound),
        Some(user) if user.version != expected => return Ok(OpenSessionOutcome::VersionConflict),
        Some(_) => {}
    }
    if let Some(open) = session(connection, user, new.id)? {
        return Ok(OpenSessionOutcome::Opened(Box::new(open)));
    }
    evict_excess(connection, user, limits, event_writer.now)?;
    let opened = Session {
        id: new.id,
        proof: new.proof,
        created_at: event_writer.now,
        last_used_at: event_writer.now,
        address: event_writer.actor.address,
        agent: event_writer.actor.agent.clone(),
        refresh: new.refresh,
    };
    insert(connection, user, &opened)?;
    event_writer.actor = Actor { principal: PrincipalId::Session(opened.id), ..event_writer.actor };
    event_writer.write(connection, user, EventKind::SignedIn)?;
    Ok(OpenSessionOutcome::Opened(Box::new(opened)))
}

/// Deletes the sessions that are expired by `limits`, then the oldest until there is room for one more.
fn evict_excess(
    connection: &Connection,
    user: UserId,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    // The newest come first and are kept.
    let (alive, ended): (Vec<_>, Vec<_>) =
        sessions(connection, user)?.into_iter().partition(|session| limits.is_valid(session, now));
    let too_many = alive.into_iter().skip(limits.sessions_max.saturating_sub(1));
    for session in ended.into_iter().chain(too_many) {
        delete_session(connection, user, session.id)?;
    }
    Ok(())
}

/// Records that the session was used at `at`, if that is later than the recorded use.
pub(super) fn touch(connection: &Connection, user: UserId, id: SessionId, at: Timestamp) -> Result<(), DatabaseError> {
    match session(connection, user, id)? {
        Some(open) if open.last_used_at < at => update(connection, user, &Session { last_used_at: at, ..open }),
        _ => Ok(()),
    }
}

/// Replaces the refresh state of `read` by `next`; false if the session has ended or has another state.
pub(super) fn replace_refresh(
    connection: &Connection,
    user: UserId,
    read: &Session,
    next: RefreshState,
    at: Timestamp,
) -> Result<bool, DatabaseError> {
    let Some(open) = session(connection, user, read.id)? else { return Ok(false) };
    if open.refresh.as_ref() == Some(&next) {
        return Ok(true);
    }
    if open.refresh != read.refresh {
        return Ok(false);
    }
    update(connection, user, &Session { refresh: Some(next), last_used_at: open.last_used_at.max(at), ..open })?;
    Ok(true)
}

/// Revokes one session and records `kind`; false if no such session exists.
pub(super) fn revoke(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    kind: EventKind,
    event_writer: &EventWriter,
) -> Result<bool, DatabaseError> {
    let ended = delete_session(connection, user, id)?;
    if ended {
        event_writer.write(connection, user, kind)?;
    }
    Ok(ended)
}

/// Revokes all sessions of the user except `keep`; false if no such user exists.
pub(super) fn revoke_others(
    connection: &Connection,
    user: UserId,
    keep: Option<SessionId>,
    event_writer: &EventWriter,
) -> Result<bool, DatabaseError> {
    let exists = user_exists(connection, user)?;
    if exists {
        revoke_all_but(connection, user, keep)?;
        event_writer.write(connection, user, EventKind::SessionsRevoked)?;
    }
    Ok(exists)
}

/// Deletes all sessions of the user except `keep`, as a part of another change.
pub(super) fn revoke_all_but(
    connection: &Connection,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<(), DatabaseError> {
    let keep = keep.as_ref().map(|id| &id.as_bytes()[..]);
    connection.prepare_cached(DELETE_OTHERS)?.execute(params![&user.as_bytes()[..], keep])?;
    Ok(())
}

fn delete_session(connection: &Connection, user: UserId, id: SessionId) -> Result<bool, DatabaseError> {
    let ended = connection.prepare_cached(DELETE)?.execute(params![&user.as_bytes()[..], &id.as_bytes()[..]])?;
    Ok(ended == 1)
}
