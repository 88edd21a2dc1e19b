//! Creating and upgrading the tables, and the checks of a file before it is used. Not of the rows: see `rows`.
//!
//! A damaged file is not upgraded: a copy of its readable part would drop the rest.
//!
//! **Invariant:** a file is not changed before it is known to be empty or a userd database.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::checksum::{COLUMNS, checksum, values};
use super::errors::OpenError;
use super::tables::{
    APPLICATION_ID, CREATE_DEPENDENTS, CREATE_TRIGGERS, CREATE_USERS, PROBE_BYTES, SCHEMA_VERSION, create_all,
};
use userd_core::CANONICAL_VERSION;

/// Creates the tables in an empty database, or checks that it is a userd database, and upgrades an older schema.
///
/// # Errors
/// What is wrong with the file at `path`.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let engine = |source| OpenError::from_engine(path, source);
    let application_id: i32 = pragma(connection, "application_id").map_err(engine)?;
    let found: i32 = pragma(connection, "user_version").map_err(engine)?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(engine)?;
    if connection.is_readonly("main").map_err(engine)? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    match (application_id, objects) {
        (0, 0) => create(connection).map_err(engine)?,
        (APPLICATION_ID, _) if found > SCHEMA_VERSION => {
            return Err(OpenError::Newer { path: path.to_owned(), found });
        }
        (APPLICATION_ID, _) if found < 1 => return Err(altered(path, "the schema number")),
        (APPLICATION_ID, _) if found < SCHEMA_VERSION => migrate(connection, path, found)?,
        (APPLICATION_ID, _) => {}
        _ => return Err(OpenError::Foreign { path: path.to_owned(), application_id }),
    }
    check_definitions(connection, path)?;
    check_canonicalisation(connection, path)
}

fn altered(path: &Path, what: &str) -> OpenError {
    OpenError::Altered(path.to_owned(), what.to_owned())
}

/// Checks that every table and trigger is defined as we define it: with a flipped bit in a trigger the count would be
/// wrong from then on. Operators may have added tables of their own.
pub(super) fn check_definitions(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let engine = |source| OpenError::from_engine(path, source);
    let ours = Connection::open_in_memory().map_err(engine)?;
    create_all(&ours).map_err(engine)?;
    let defined = definitions(connection).map_err(engine)?;
    match definitions(&ours).map_err(engine)?.into_iter().find(|ours| !defined.contains(ours)) {
        Some((name, _)) => Err(altered(path, &format!("the definition of {name}"))),
        None => Ok(()),
    }
}

/// Name and SQL text of each table and trigger.
fn definitions(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    create_all(&transaction)?;
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES ('users_count', 0), ('canonical_version', ?1)",
        [CANONICAL_VERSION],
    )?;
    transaction.execute("INSERT INTO probe (id, filler) VALUES (1, zeroblob(?1))", [PROBE_BYTES])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// Checks that a database opened read-only is a userd database of the present schema.
///
/// # Errors
/// What is wrong with the file at `path`.
pub(super) fn check_known(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let engine = |source| OpenError::from_engine(path, source);
    let application_id: i32 = pragma(connection, "application_id").map_err(engine)?;
    let found: i32 = pragma(connection, "user_version").map_err(engine)?;
    if application_id != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned(), application_id });
    }
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found });
    }
    if found < SCHEMA_VERSION {
        return Err(OpenError::Older { path: path.to_owned(), found });
    }
    check_canonicalisation(connection, path)
}

/// Checks that a database to copy is a userd database of a supported schema: an older one is upgraded when it is
/// served.
///
/// # Errors
/// What is wrong with the file at `path`.
pub(super) fn check_copy(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match check_known(connection, path) {
        Err(OpenError::Older { found, .. }) if found >= 1 => check_canonicalisation(connection, path),
        Err(OpenError::Older { .. }) => Err(altered(path, "the schema number")),
        Ok(()) => check_definitions(connection, path),
        refused => refused,
    }
}

fn check_canonicalisation(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found: i64 = connection
        .query_row("SELECT value FROM meta WHERE key = 'canonical_version'", [], |row| row.get(0))
        .map_err(|source| OpenError::from_engine(path, source))?;
    if found == i64::from(CANONICAL_VERSION) {
        return Ok(());
    }
    Err(OpenError::CanonicalisationMismatch { path: path.to_owned(), found })
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Upgrades the tables of version `found` to [`SCHEMA_VERSION`].
///
/// # Errors
/// If the file at `path` is damaged, or the disk can't be written; then nothing is changed.
fn migrate(connection: &mut Connection, path: &Path, found: i32) -> Result<(), OpenError> {
    let engine = |source| OpenError::from_engine(path, source);
    let sound: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(engine)?;
    if sound != "ok" {
        return Err(altered(path, &format!("the file of schema {found} ({sound})")));
    }
    tracing::info!(from = found, to = SCHEMA_VERSION, "upgrading the schema of the database");
    run_migrations(connection, found).map_err(engine)
}

/// All steps in one transaction. The triggers are created again at its end, so that copying a table does not run them.
fn run_migrations(connection: &mut Connection, found: i32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("DROP TRIGGER users_counted_up; DROP TRIGGER users_counted_down;")?;
    if found < 2 {
        add_checksums(&transaction)?;
    }
    transaction.execute_batch(CREATE_DEPENDENTS)?;
    transaction.execute_batch(CREATE_TRIGGERS)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// 1 → 2: each user's row has a checksum. The table is created again, so that its definition is the same in every file;
/// rows keep their rowid. An invalid row is copied, too, and reported when it is read.
fn add_checksums(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ALTER TABLE users RENAME TO users_before;")?;
    connection.execute_batch(CREATE_USERS)?;
    copy_users(connection)?;
    connection.execute_batch("DROP TABLE users_before;")
}

fn copy_users(connection: &Connection) -> rusqlite::Result<()> {
    let mut before = connection.prepare(
        "SELECT id, name, email, canonical, password_hash, created_at, updated_at, version, rowid FROM users_before \
         ORDER BY rowid",
    )?;
    let mut into = connection.prepare(
        "INSERT INTO users (id, name, email, canonical, password_hash, created_at, updated_at, version, checksum, rowid) \
         SELECT id, name, email, canonical, password_hash, created_at, updated_at, version, ?2, rowid FROM users_before \
         WHERE rowid = ?1",
    )?;
    let mut rows = before.query([])?;
    while let Some(row) = rows.next()? {
        let rowid: i64 = row.get(COLUMNS)?;
        into.execute(params![rowid, checksum(values::<COLUMNS>(row, 0)?)])?;
    }
    Ok(())
}
