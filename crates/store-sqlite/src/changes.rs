//! Each change of users as SQL. Every function runs inside the writer's transaction and its own savepoint.
//!
//! A change of a user reads the row, compares its version and writes all of it, with a checksum of what it is then;
//! whatever is asked before or after is asked in the same transaction, by the only writer. A row that does not match
//! its checksum is not changed: a new one would make the damage look right.
//! That e-mails are unique is the engine's UNIQUE constraint and nothing of ours.

use rusqlite::{Connection, OptionalExtension, ffi, params};

use super::checksum::{self, millis, version};
use super::errors::Failure;
use super::events::Note;
use super::readers::{USER, look_up};
use super::schema::PROBE_BYTES;
use super::session_changes::end_all_but;
use userd_core::{EventKind, PasswordHash, SessionId, User, UserId, Version};
use userd_store::{Insert, Profile, Remove, Ruling, Update};

/// A conflict on the id or on the canonical e-mail is no error here: it is looked into afterwards.
pub(super) const INSERT: &str = "INSERT INTO users \
     (id, name, email, canonical, password_hash, created_at, updated_at, version, checksum) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";

const REPLACE: &str = "UPDATE users SET name = ?2, email = ?3, canonical = ?4, password_hash = ?5, created_at = ?6, \
     updated_at = ?7, version = ?8, checksum = ?9 WHERE id = ?1";

/// Adds `user`.
///
/// The same user twice (same id, same e-mail: a repeat after an answer that got lost) is `Inserted` again.
pub(super) fn insert_user(connection: &Connection, user: &User, note: &Note) -> Result<Insert, Failure> {
    let inserted = write(connection, INSERT, user)?;
    if inserted == 1 {
        note.write(connection, user.id, EventKind::SignedUp)?;
        return Ok(Insert::Inserted);
    }
    let holder: Option<Vec<u8>> = connection
        .prepare_cached("SELECT id FROM users WHERE canonical = ?1")?
        .query_row([user.email.canonical().as_str()], |row| row.get(0))
        .optional()?;
    match holder {
        Some(id) if id == user.id.as_bytes() => Ok(Insert::Inserted),
        Some(_) => Ok(Insert::Taken),
        None => Err(Failure::IdInUse(user.id)),
    }
}

/// Gives the user another name and e-mail.
pub(super) fn replace_profile(
    connection: &Connection,
    id: UserId,
    expected: Version,
    profile: &Profile,
    note: &Note,
) -> Result<Update, Failure> {
    let mut kind = EventKind::ProfileChanged;
    let update = replace(connection, id, expected, |user| {
        if user.email.canonical() != profile.email.canonical() {
            kind = EventKind::EmailChanged;
        }
        user.name = profile.name.clone();
        user.email = profile.email.clone();
        user.updated_at = note.now;
    })?;
    if matches!(update, Update::Updated(_)) {
        note.write(connection, id, kind)?;
    }
    Ok(update)
}

/// Gives the user another password, and ends their sessions but `keep`.
pub(super) fn replace_password(
    connection: &Connection,
    id: UserId,
    expected: Version,
    password_hash: &PasswordHash,
    keep: Option<SessionId>,
    note: &Note,
) -> Result<Update, Failure> {
    let update = replace(connection, id, expected, |user| {
        user.password_hash = password_hash.clone();
        user.standing.password_expired = false;
        user.updated_at = note.now;
    })?;
    if matches!(update, Update::Updated(_)) {
        end_all_but(connection, id, keep)?;
        note.write(connection, id, EventKind::PasswordChanged)?;
    }
    Ok(update)
}

/// Rules about the account, and ends all its sessions where that shuts somebody out.
pub(super) fn replace_standing(
    connection: &Connection,
    id: UserId,
    expected: Version,
    ruling: &Ruling,
    note: &Note,
) -> Result<Update, Failure> {
    let update = replace(connection, id, expected, |user| {
        ruling.apply(user);
        user.updated_at = note.now;
    })?;
    if matches!(update, Update::Updated(_)) {
        if ruling.ends_sessions() {
            end_all_but(connection, id, None)?;
        }
        note.write(connection, id, ruling.kind)?;
    }
    Ok(update)
}

/// Gives the user another hash of the same password.
pub(super) fn replace_password_hash(
    connection: &Connection,
    id: UserId,
    expected: Version,
    password_hash: &PasswordHash,
) -> Result<Update, Failure> {
    replace(connection, id, expected, |user| user.password_hash = password_hash.clone())
}

/// Removes the user; a trigger ends their sessions.
pub(super) fn remove_user(
    connection: &Connection,
    id: UserId,
    expected: Version,
    note: &Note,
) -> Result<Remove, Failure> {
    let removed = connection
        .prepare_cached("DELETE FROM users WHERE id = ?1 AND version = ?2")?
        .execute(params![&id.as_bytes()[..], version(expected)])?;
    if removed == 1 {
        note.write(connection, id, EventKind::Deleted)?;
        return Ok(Remove::Removed);
    }
    Ok(if exists(connection, id)? { Remove::Stale } else { Remove::Missing })
}

/// Writes some pages of no meaning, to prove that the disk takes them. Random ones: SQLite does not write a page
/// that stays as it was.
pub(super) fn write_probe(connection: &Connection) -> Result<(), Failure> {
    connection.prepare_cached("UPDATE probe SET filler = randomblob(?1)")?.execute([PROBE_BYTES])?;
    Ok(())
}

/// Changes the user whose version is `expected`.
fn replace(
    connection: &Connection,
    id: UserId,
    expected: Version,
    change: impl FnOnce(&mut User),
) -> Result<Update, Failure> {
    let Some(mut user) = look_up(connection, USER, [&id.as_bytes()[..]])? else { return Ok(Update::Missing) };
    if user.version != expected {
        return Ok(Update::Stale);
    }
    change(&mut user);
    user.version = expected.next();
    match write(connection, REPLACE, &user) {
        Ok(_) => Ok(Update::Updated(Box::new(user))),
        Err(error) if is_unique_violation(&error) => Ok(Update::Taken),
        Err(error) => Err(error.into()),
    }
}

/// Runs a statement that takes all columns of `user`; gives how many rows it changed.
pub(super) fn write(connection: &Connection, sql: &str, user: &User) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        &user.id.as_bytes()[..],
        user.name.as_str(),
        user.email.as_written(),
        user.email.canonical().as_str(),
        &*user.standing.mark(user.password_hash.as_str()),
        millis(user.created_at),
        millis(user.updated_at),
        version(user.version),
        checksum::of_user(user),
    ])
}

/// Whether there is such a user.
pub(super) fn exists(connection: &Connection, id: UserId) -> Result<bool, Failure> {
    Ok(connection.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?.exists([&id.as_bytes()[..]])?)
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_CONSTRAINT_UNIQUE)
}
