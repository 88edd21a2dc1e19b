//! Connections to the database file, and SQLite's settings on each.
//!
//! Not what the file has to contain: see `schema`.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::OpenError;

/// Capacity of the statement cache: more than the number of our statements.
const STATEMENTS_MAX: usize = 64;

/// Page cache of a reading connection, in KiB. SQLite's default of 2 MB holds less than 10,000 users and makes a
/// look-up 3 µs slower; 8 MiB hold the inner pages of some million users.
const READER_CACHE_KIB: i64 = 8 * 1024;

/// Size to which the log file is truncated after a burst, in bytes: four times its usual size.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// Opens a connection without SQLite's own mutex (each is owned by one thread or is in a `Mutex`) and without URI names
/// (a path is a path).
pub(super) fn connect(path: &Path, access: OpenFlags, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Configures a writing connection, and the write-ahead log of the file. Only for a userd database.
///
/// SQLite moves nothing of the log into the file by itself, because the mark has to be moved with it (see
/// `log_marker`): the writer does that.
///
/// # Errors
/// Why the file at `path` can't be served safely.
pub(super) fn configure_writer(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let engine = |source| OpenError::from_engine(path, source);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(engine)?;
    if mode != "wal" {
        return Err(OpenError::NoWriteAheadLog { path: path.to_owned(), mode });
    }
    // FULL: each commit is followed by an fsync. NORMAL lost acknowledged writes in 99 of 150 power cuts.
    connection.pragma_update(None, "synchronous", "FULL").map_err(engine)?;
    for (name, value) in [("wal_autocheckpoint", 0), ("journal_size_limit", LOG_BYTES_KEPT)] {
        connection.pragma_update_and_check(None, name, value, |_| Ok(())).map_err(engine)?;
    }
    configure(connection).map_err(engine)
}

/// Whether closing the connection, if it is the last one, moves the log into the file and deletes it, as SQLite does
/// by default.
pub(super) fn set_checkpoint_on_close(connection: &Connection, checkpoint: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !checkpoint).map(drop)
}

/// Opens a read-only connection and sets it up.
pub(super) fn connect_reader(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, wait)?;
    configure_reader(&connection)?;
    Ok(connection)
}

/// Sets up a read-only connection.
pub(super) fn configure_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    configure(connection)
}

/// Settings of every connection. Functions in the schema of a file that another program may have edited are not
/// trusted, and the cells of a page are checked when it is read. Query plans never depend on bound values: otherwise
/// SQLite prepares statements over two tables, and those with a bound limit, again each time (25 µs for each session
/// look-up).
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}
