//! Each change of sessions as SQL. Every function runs inside the writer's transaction and its own savepoint.
//!
//! A row that does not match its checksum is not changed, only removed: a new checksum would make the damage look
//! right.

use rusqlite::{Connection, params};

use super::changes::exists;
use super::errors::Failure;
use super::events::Note;
use super::readers::{USER, look_up};
use super::session_rows::{insert, session, sessions, update};
use userd_core::{
    CallerId, Client, EventKind, RefreshState, Session, SessionId, SessionLimits, Timestamp, UserId, Version,
};
use userd_store::{NewSession, Open};

const END: &str = "DELETE FROM sessions WHERE user = ?1 AND id = ?2";

/// Without one to keep `?2` is null, which no id is.
const END_OTHERS: &str = "DELETE FROM sessions WHERE user = ?1 AND id IS NOT ?2";

/// Opens `new` for the user whose version is `expected`; the client in `note` is who signs in.
pub(super) fn open(
    connection: &Connection,
    user: UserId,
    expected: Version,
    new: NewSession,
    limits: &SessionLimits,
    mut note: Note,
) -> Result<Open, Failure> {
    match look_up(connection, USER, [&user.as_bytes()[..]])? {
        None => return Ok(Open::Missing),
        Some(user) if user.version != expected => return Ok(Open::Stale),
        Some(_) => {}
    }
    if let Some(open) = session(connection, user, new.id)? {
        return Ok(Open::Opened(Box::new(open)));
    }
    make_room(connection, user, limits, note.now)?;
    let opened = Session {
        id: new.id,
        proof: new.proof,
        made_at: note.now,
        seen_at: note.now,
        address: note.client.address,
        agent: note.client.agent.clone(),
        refresh: new.refresh,
    };
    insert(connection, user, &opened)?;
    note.client = Client { caller: CallerId::Session(opened.id), ..note.client };
    note.write(connection, user, EventKind::SignedIn)?;
    Ok(Open::Opened(Box::new(opened)))
}

/// Ends what `limits` end, and then the oldest until there is room for one more.
fn make_room(connection: &Connection, user: UserId, limits: &SessionLimits, now: Timestamp) -> Result<(), Failure> {
    // The newest first: what stays is the beginning.
    let (alive, ended): (Vec<_>, Vec<_>) =
        sessions(connection, user)?.into_iter().partition(|session| limits.allow(session, now));
    let too_many = alive.into_iter().skip(limits.sessions_max.saturating_sub(1));
    for session in ended.into_iter().chain(too_many) {
        end_one(connection, user, session.id)?;
    }
    Ok(())
}

/// Writes that the session was used at `at`, if that is later than it says.
pub(super) fn see(connection: &Connection, user: UserId, id: SessionId, at: Timestamp) -> Result<(), Failure> {
    match session(connection, user, id)? {
        Some(open) if open.seen_at < at => update(connection, user, &Session { seen_at: at, ..open }),
        _ => Ok(()),
    }
}

/// Puts `next` in the place of what `read` says; false if the session has ended or says something else.
pub(super) fn replace_refresh(
    connection: &Connection,
    user: UserId,
    read: &Session,
    next: RefreshState,
    at: Timestamp,
) -> Result<bool, Failure> {
    let Some(open) = session(connection, user, read.id)? else { return Ok(false) };
    if open.refresh.as_ref() == Some(&next) {
        return Ok(true);
    }
    if open.refresh != read.refresh {
        return Ok(false);
    }
    update(connection, user, &Session { refresh: Some(next), seen_at: open.seen_at.max(at), ..open })?;
    Ok(true)
}

/// Ends one session and writes `kind`; false if there was none.
pub(super) fn end(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    kind: EventKind,
    note: &Note,
) -> Result<bool, Failure> {
    let ended = end_one(connection, user, id)?;
    if ended {
        note.write(connection, user, kind)?;
    }
    Ok(ended)
}

/// Ends all sessions of the user but `keep`; false if there is no such user.
pub(super) fn end_others(
    connection: &Connection,
    user: UserId,
    keep: Option<SessionId>,
    note: &Note,
) -> Result<bool, Failure> {
    let there = exists(connection, user)?;
    if there {
        end_all_but(connection, user, keep)?;
        note.write(connection, user, EventKind::SessionsRevoked)?;
    }
    Ok(there)
}

/// Ends all sessions of the user but `keep`, as a part of another change.
pub(super) fn end_all_but(connection: &Connection, user: UserId, keep: Option<SessionId>) -> Result<(), Failure> {
    let keep = keep.as_ref().map(|id| &id.as_bytes()[..]);
    connection.prepare_cached(END_OTHERS)?.execute(params![&user.as_bytes()[..], keep])?;
    Ok(())
}

fn end_one(connection: &Connection, user: UserId, id: SessionId) -> Result<bool, Failure> {
    let ended = connection.prepare_cached(END)?.execute(params![&user.as_bytes()[..], &id.as_bytes()[..]])?;
    Ok(ended == 1)
}
