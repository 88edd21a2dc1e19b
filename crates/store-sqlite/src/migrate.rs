//! Upgrade from an older schema to the present one, in one transaction: a crash leaves the file unchanged.
//!
//! A damaged file is not changed: a copy of its readable part would drop the rest.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::checksum::{COLUMNS, checksum, values};
use super::errors::OpenError;
use super::tables::{CREATE_DEPENDENTS, CREATE_TRIGGERS, CREATE_USERS, SCHEMA_VERSION};

/// Upgrades the tables of version `found` to [`SCHEMA_VERSION`].
///
/// # Errors
/// If the file at `path` is damaged, or the disk can't be written; then nothing is changed.
pub(super) fn migrate(connection: &mut Connection, path: &Path, found: i32) -> Result<(), OpenError> {
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    let engine = |source| OpenError::from_engine(path, source);
    let sound: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(engine)?;
    if sound != "ok" {
        return Err(OpenError::Altered {
            path: path.to_owned(),
            what: format!("the file of schema {found} ({sound})"),
        });
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
