//! Each change as SQL. Every function runs inside the writer's transaction and its own savepoint.
//!
//! A change of a user is one `UPDATE … WHERE id = ? AND version = ?`: the comparison and the act are one
//! statement, and whatever is asked before or after it is asked in the same transaction, by the only writer.
//! That e-mails are unique is the engine's UNIQUE constraint and nothing of ours.

use rusqlite::{Connection, OptionalExtension, ToSql, ffi, params};

use super::errors::Failure;
use super::rows::{user_columns, user_from_row};
use super::schema::PROBE_BYTES;
use crate::domain::{PasswordHash, Timestamp, User, UserId, Version};
use crate::store::{Insert, Profile, Remove, Update};

/// A conflict on the id or on the canonical e-mail is no error here: it is looked into afterwards.
const INSERT: &str = "INSERT INTO users (id, name, email, canonical, password_hash, created_at, updated_at, version) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

const REPLACE_PROFILE: &str = concat!(
    "UPDATE users SET name = ?3, email = ?4, canonical = ?5, updated_at = ?6, version = version + 1 \
     WHERE id = ?1 AND version = ?2 RETURNING ",
    user_columns!()
);

/// Without a moment (`?4` is NULL) `updated_at` stays.
const REPLACE_PASSWORD: &str = concat!(
    "UPDATE users SET password_hash = ?3, updated_at = coalesce(?4, updated_at), version = version + 1 \
     WHERE id = ?1 AND version = ?2 RETURNING ",
    user_columns!()
);

/// Adds `user`.
///
/// The same user twice (same id, same e-mail: a repeat after an answer that got lost) is `Inserted` again.
pub(super) fn insert_user(connection: &Connection, user: &User) -> Result<Insert, Failure> {
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        &user.id.as_bytes()[..],
        user.name.as_str(),
        user.email.as_written(),
        user.email.canonical().as_str(),
        user.password_hash.as_str(),
        millis(user.created_at),
        millis(user.updated_at),
        version(user.version),
    ])?;
    if inserted == 1 {
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
    now: Timestamp,
) -> Result<Update, Failure> {
    let email = &profile.email;
    let changed = update(
        connection,
        REPLACE_PROFILE,
        params![
            &id.as_bytes()[..],
            version(expected),
            profile.name.as_str(),
            email.as_written(),
            email.canonical().as_str(),
            millis(now)
        ],
    );
    match changed {
        Ok(Some(user)) => Ok(Update::Updated(Box::new(user))),
        Ok(None) => Ok(if exists(connection, id)? { Update::Stale } else { Update::Missing }),
        Err(Failure::Engine(error)) if is_unique_violation(&error) => Ok(Update::Taken),
        Err(failure) => Err(failure),
    }
}

/// Gives the user another password hash; `updated_at` moves to `now`, if there is one.
pub(super) fn replace_password(
    connection: &Connection,
    id: UserId,
    expected: Version,
    password_hash: &PasswordHash,
    now: Option<Timestamp>,
) -> Result<Update, Failure> {
    let values = params![&id.as_bytes()[..], version(expected), password_hash.as_str(), now.map(millis)];
    match update(connection, REPLACE_PASSWORD, values)? {
        Some(user) => Ok(Update::Updated(Box::new(user))),
        None => Ok(if exists(connection, id)? { Update::Stale } else { Update::Missing }),
    }
}

/// Removes the user.
pub(super) fn remove_user(connection: &Connection, id: UserId, expected: Version) -> Result<Remove, Failure> {
    let removed = connection
        .prepare_cached("DELETE FROM users WHERE id = ?1 AND version = ?2")?
        .execute(params![&id.as_bytes()[..], version(expected)])?;
    if removed == 1 {
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

fn update(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Option<User>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    match rows.next()? {
        Some(row) => user_from_row(row).map(Some),
        None => Ok(None),
    }
}

fn exists(connection: &Connection, id: UserId) -> Result<bool, Failure> {
    Ok(connection.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?.exists([&id.as_bytes()[..]])?)
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_CONSTRAINT_UNIQUE)
}

/// At most the year 9999, so it always fits.
fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

/// A number that no row can hold matches none: SQLite's integers end where `i64` ends.
fn version(version: Version) -> i64 {
    i64::try_from(version.number()).unwrap_or(-1)
}
