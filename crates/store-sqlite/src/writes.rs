//! Changes of users. Every function runs inside the writer's transaction and a savepoint of its own.
//!
//! A change reads the row, compares its version and writes the whole row with a new checksum; all of it in one
//! transaction of the only writer. A row that does not match its checksum is not changed: a new one would hide the
//! damage. SQLite's UNIQUE constraint keeps e-mails unique.

use rusqlite::{Connection, OptionalExtension, ffi, params};

use super::checksum::{self, millis, version};
use super::errors::DatabaseError;
use super::events::EventWriter;
use super::rows::{query_user, user_exists};
use super::session_writes::revoke_all_but;
use super::sql::USER;
use super::tables::PROBE_BYTES;
use userd_core::{EventKind, PasswordHash, SessionId, User, UserId, UserVersion};
use userd_store::{CreateUserOutcome, DeleteUserOutcome, StatusUpdate, UpdateUserOutcome, UserProfile};

/// A conflict on the id or on the canonical e-mail is no error here: the caller classifies it.
pub(super) const INSERT: &str = "INSERT INTO users \
     (id, name, email, canonical, password_hash, created_at, updated_at, version, checksum) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";

const UPDATE: &str = "UPDATE users SET name = ?2, email = ?3, canonical = ?4, password_hash = ?5, created_at = ?6, \
     updated_at = ?7, version = ?8, checksum = ?9 WHERE id = ?1";

/// Creates `user`. Idempotent: the same user again (same id, same e-mail) is `Created` again.
pub(super) fn create_user(
    connection: &Connection,
    user: &User,
    event_writer: &EventWriter,
) -> Result<CreateUserOutcome, DatabaseError> {
    let inserted = write_user(connection, INSERT, user)?;
    if inserted == 1 {
        event_writer.write(connection, user.id, EventKind::SignedUp)?;
        return Ok(CreateUserOutcome::Created);
    }
    let holder: Option<Vec<u8>> = connection
        .prepare_cached("SELECT id FROM users WHERE canonical = ?1")?
        .query_row([user.email.canonical().as_str()], |row| row.get(0))
        .optional()?;
    match holder {
        Some(id) if id == user.id.as_bytes() => Ok(CreateUserOutcome::Created),
        Some(_) => Ok(CreateUserOutcome::EmailTaken),
        None => Err(DatabaseError::IdInUse(user.id)),
    }
}

/// Sets name and e-mail.
pub(super) fn update_profile(
    connection: &Connection,
    id: UserId,
    expected: UserVersion,
    profile: &UserProfile,
    event_writer: &EventWriter,
) -> Result<UpdateUserOutcome, DatabaseError> {
    let mut kind = EventKind::ProfileChanged;
    let update = update_user(connection, id, expected, |user| {
        if user.email.canonical() != profile.email.canonical() {
            kind = EventKind::EmailChanged;
        }
        user.name = profile.name.clone();
        user.email = profile.email.clone();
        user.updated_at = event_writer.now;
    })?;
    if matches!(update, UpdateUserOutcome::Updated(_)) {
        event_writer.write(connection, id, kind)?;
    }
    Ok(update)
}

/// Sets the password, and revokes the user's sessions except `keep`.
pub(super) fn update_password(
    connection: &Connection,
    id: UserId,
    expected: UserVersion,
    password_hash: &PasswordHash,
    keep: Option<SessionId>,
    event_writer: &EventWriter,
) -> Result<UpdateUserOutcome, DatabaseError> {
    let update = update_user(connection, id, expected, |user| {
        user.password_hash = password_hash.clone();
        user.status.password_expired = false;
        user.updated_at = event_writer.now;
    })?;
    if matches!(update, UpdateUserOutcome::Updated(_)) {
        revoke_all_but(connection, id, keep)?;
        event_writer.write(connection, id, EventKind::PasswordChanged)?;
    }
    Ok(update)
}

/// Updates the account status, and revokes all sessions unless it enables the account.
pub(super) fn update_status(
    connection: &Connection,
    id: UserId,
    expected: UserVersion,
    status_update: &StatusUpdate,
    event_writer: &EventWriter,
) -> Result<UpdateUserOutcome, DatabaseError> {
    let update = update_user(connection, id, expected, |user| {
        status_update.apply(user);
        user.updated_at = event_writer.now;
    })?;
    if matches!(update, UpdateUserOutcome::Updated(_)) {
        if status_update.revokes_sessions() {
            revoke_all_but(connection, id, None)?;
        }
        event_writer.write(connection, id, status_update.kind)?;
    }
    Ok(update)
}

/// Replaces the hash of the same password.
pub(super) fn update_password_hash(
    connection: &Connection,
    id: UserId,
    expected: UserVersion,
    password_hash: &PasswordHash,
) -> Result<UpdateUserOutcome, DatabaseError> {
    update_user(connection, id, expected, |user| user.password_hash = password_hash.clone())
}

/// Deletes the user; a trigger deletes the sessions.
pub(super) fn delete_user(
    connection: &Connection,
    id: UserId,
    expected: UserVersion,
    event_writer: &EventWriter,
) -> Result<DeleteUserOutcome, DatabaseError> {
    let removed = connection
        .prepare_cached("DELETE FROM users WHERE id = ?1 AND version = ?2")?
        .execute(params![&id.as_bytes()[..], version(expected)])?;
    if removed == 1 {
        event_writer.write(connection, id, EventKind::Deleted)?;
        return Ok(DeleteUserOutcome::Deleted);
    }
    Ok(if user_exists(connection, id)? { DeleteUserOutcome::VersionConflict } else { DeleteUserOutcome::NotFound })
}

/// Writes some meaningless pages, to prove that the disk can be written. Random ones, because SQLite does not write
/// unchanged pages.
pub(super) fn write_probe(connection: &Connection) -> Result<(), DatabaseError> {
    connection.prepare_cached("UPDATE probe SET filler = randomblob(?1)")?.execute([PROBE_BYTES])?;
    Ok(())
}

/// Changes the user if its version is `expected`.
fn update_user(
    connection: &Connection,
    id: UserId,
    expected: UserVersion,
    change: impl FnOnce(&mut User),
) -> Result<UpdateUserOutcome, DatabaseError> {
    let Some(mut user) = query_user(connection, USER, [&id.as_bytes()[..]])? else {
        return Ok(UpdateUserOutcome::NotFound);
    };
    if user.version != expected {
        return Ok(UpdateUserOutcome::VersionConflict);
    }
    change(&mut user);
    user.version = expected.next();
    match write_user(connection, UPDATE, &user) {
        Ok(_) => Ok(UpdateUserOutcome::Updated(Box::new(user))),
        Err(error) if is_unique_violation(&error) => Ok(UpdateUserOutcome::EmailTaken),
        Err(error) => Err(error.into()),
    }
}

/// Runs a statement with all columns of `user` as parameters; returns how many rows it changed.
pub(super) fn write_user(connection: &Connection, sql: &str, user: &User) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        &user.id.as_bytes()[..],
        user.name.as_str(),
        user.email.as_written(),
        user.email.canonical().as_str(),
        &*user.status.encode_in_hash(user.password_hash.as_str()),
        millis(user.created_at),
        millis(user.updated_at),
        version(user.version),
        checksum::of_user(user),
    ])
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_CONSTRAINT_UNIQUE)
}
