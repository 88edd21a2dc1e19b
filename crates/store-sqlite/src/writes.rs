//! Writing users. Every function runs inside the writer's transaction and a savepoint of its own.
//!
//! A change reads the row, compares its version and writes the whole row with a new checksum; all of it in one
//! transaction of the only writer. A row that does not match its checksum is not changed: a new one would hide the
//! damage. SQLite's UNIQUE constraint keeps e-mails unique.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, ffi};

use super::checksum::{millis, version, write_row};
use super::errors::DatabaseError;
use super::events::EventWriter;
use super::rows::query_user;
use super::sql::USER;
use super::tables::PROBE_BYTES;
use userd_core::{EventKind, User, UserId, UserVersion};
use userd_store::{CreateUserOutcome, UpdateUserOutcome};

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

/// Writes some meaningless pages, to prove that the disk can be written. Random ones, because SQLite does not write
/// unchanged pages.
pub(super) fn write_probe(connection: &Connection) -> Result<(), DatabaseError> {
    connection.prepare_cached("UPDATE probe SET filler = randomblob(?1)")?.execute([PROBE_BYTES])?;
    Ok(())
}

/// Changes the user if its version is `expected`.
pub(super) fn update_user(
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
    let password_hash = user.status.encode_in_hash(user.password_hash.as_str());
    let columns = [
        ValueRef::Blob(user.id.as_bytes()),
        ValueRef::Text(user.name.as_str().as_bytes()),
        ValueRef::Text(user.email.as_written().as_bytes()),
        ValueRef::Text(user.email.canonical().as_str().as_bytes()),
        ValueRef::Text(password_hash.as_bytes()),
        ValueRef::Integer(millis(user.created_at)),
        ValueRef::Integer(millis(user.updated_at)),
        ValueRef::Integer(version(user.version)),
    ];
    write_row(connection, sql, columns)
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_CONSTRAINT_UNIQUE)
}
