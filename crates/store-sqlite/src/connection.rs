//! Connections to the file, and the settings of SQLite on each.
//!
//! Not what the file has to contain: see `schema`.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::OpenError;

/// Each of our statements, with room to spare.
const STATEMENTS_MAX: usize = 64;

/// Pages in the write-ahead log at which they are moved into the database: SQLite's own default, 4 MB.
/// Small, because damage in the log can silently take away its tail (REDIS.md, "Embedded engines").
const CHECKPOINT_PAGES: i64 = 1000;

/// Page cache of a connection for look-ups, in KiB. SQLite's own 2 MB holds less than 10,000 users and made a
/// look-up among them cost 3 µs more; 8 MiB hold the inner pages of some millions.
const READER_CACHE_KIB: i64 = 8 * 1024;

/// To how many bytes the log file is cut after a burst: four times what it has in ordinary times.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// A connection without SQLite's own mutex (each is owned by one thread or lies in a `Mutex`) and without
/// URI names (a path is a path).
pub(super) fn connect(path: &Path, access: OpenFlags, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Sets what is not kept in the file, and the write-ahead log, which is. Only for a file that is ours.
///
/// # Errors
/// What keeps the file at `path` from being served safely.
pub(super) fn configure_writer(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let engine = |source| OpenError::from_engine(path, source);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(engine)?;
    if mode != "wal" {
        return Err(OpenError::NoWriteAheadLog { path: path.to_owned(), mode });
    }
    // FULL: each commit is followed by an fsync. NORMAL lost acknowledged writes in 99 of 150 power cuts.
    connection.pragma_update(None, "synchronous", "FULL").map_err(engine)?;
    for (name, value) in [("wal_autocheckpoint", CHECKPOINT_PAGES), ("journal_size_limit", LOG_BYTES_KEPT)] {
        connection.pragma_update_and_check(None, name, value, |_| Ok(())).map_err(engine)?;
    }
    configure(connection).map_err(engine)
}

/// Sets what a connection for look-ups has: room for the pages that lead to a million users.
pub(super) fn configure_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    configure(connection)
}

/// Sets what every connection has: functions in the schema of a file that somebody else may have edited are
/// not trusted, and the cells of a page are checked when it is read. A plan never depends on a bound value: else SQLite
/// prepares statements of two tables, and those with a bound limit, anew each time (25 µs a look-up of a session).
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}
