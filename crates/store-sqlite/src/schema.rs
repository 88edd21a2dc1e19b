//! The tables, and what is checked before a file is taken for ours. Not the rows: see `rows`.
//!
//! Nothing is changed in a file before it is known to be empty or ours.
//!
//! # How to add a schema version
//! Raise [`SCHEMA_VERSION`], change the `CREATE_…` texts, and add a step to `migrate` that brings the version before
//! it up in one transaction; keep a file of the old version in `tests/it/fixtures`.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::errors::OpenError;
use super::migrate::migrate;
use userd_core::CANONICAL_VERSION;

/// Says in bytes 68–71 of the file whose it is (`file` and others show it): "usrd" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x7573_7264;

/// The newest schema that this program knows, kept in `PRAGMA user_version`.
pub(super) const SCHEMA_VERSION: i32 = 3;

/// Pages in the write-ahead log at which they are moved into the database: SQLite's own default, 4 MB.
/// Small, because damage in the log can silently take away its tail (REDIS.md, "Embedded engines").
const CHECKPOINT_PAGES: i64 = 1000;

/// Page cache of a connection for look-ups, in KiB. SQLite's own 2 MB holds less than 10,000 users and made a
/// look-up among them cost 3 µs more; 8 MiB hold the inner pages of some millions.
const READER_CACHE_KIB: i64 = 8 * 1024;

/// To how many bytes the log file is cut after a burst: four times what it has in ordinary times.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// What `probe` holds: more pages than any sign-up changes (about nine), so that a disk which takes a probe takes
/// a sign-up. One page would not do: on a full disk it often still fits into the last block of the log.
pub(super) const PROBE_BYTES: u32 = 64 * 1024;

/// What the file says of itself, and what it is tried with.
///
/// `users` keeps a rowid, so that a row whose id is damaged still has a name. The number of users is kept by
/// triggers, in the transaction of each change, because `count(*)` walks the whole table; being the engine's
/// it is right also after an operator's own `DELETE`.
///
/// Operators look into the file with the `sqlite3` of their system, and one that does not know a function named
/// here can neither change the tables nor `VACUUM INTO` a copy: so nothing newer than STRICT (3.37).
const CREATE_REST: &str = "
    CREATE TABLE meta (
        key TEXT NOT NULL PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE probe (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        filler BLOB NOT NULL
    ) STRICT;
";

/// The users, each row with its checksum (see `checksum`).
pub(super) const CREATE_USERS: &str = "
    CREATE TABLE users (
        id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        name TEXT NOT NULL CHECK (name <> ''),
        email TEXT NOT NULL,
        canonical TEXT NOT NULL UNIQUE CHECK (length(CAST(canonical AS BLOB)) BETWEEN 3 AND 254),
        password_hash TEXT NOT NULL,
        created_at INTEGER NOT NULL CHECK (created_at >= 0),
        updated_at INTEGER NOT NULL CHECK (updated_at >= 0),
        version INTEGER NOT NULL CHECK (version >= 1),
        checksum INTEGER NOT NULL
    ) STRICT;
";

/// What hangs on the users, and the service's keys; new in version 3.
///
/// - `sessions` has a checksum a row and keeps a rowid, as `users` does. Its key begins with the user, so that one
///   index finds one session and all of a user's.
/// - `events` grows at its end. `number` counts on, so that the oldest are found without a scan; what strangers try at
///   e-mails of nobody is one row below zero (see `events`).
/// - `service_keys` has a checksum a row: a flipped bit could give a service another right.
pub(super) const CREATE_DEPENDENTS: &str = "
    CREATE TABLE sessions (
        user BLOB NOT NULL CHECK (length(user) = 16),
        id BLOB NOT NULL CHECK (length(id) = 16),
        proof BLOB NOT NULL CHECK (length(proof) = 16),
        made_at INTEGER NOT NULL CHECK (made_at >= 0),
        seen_at INTEGER NOT NULL CHECK (seen_at >= 0),
        address BLOB NOT NULL CHECK (length(address) IN (0, 4, 16)),
        agent TEXT NOT NULL,
        refresh BLOB CHECK (length(refresh) >= 16),
        checksum INTEGER NOT NULL,
        PRIMARY KEY (user, id)
    ) STRICT;

    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        user BLOB NOT NULL CHECK (length(user) = 16),
        kind TEXT NOT NULL CHECK (kind <> ''),
        at INTEGER NOT NULL CHECK (at >= 0),
        address BLOB NOT NULL CHECK (length(address) IN (0, 4, 16)),
        caller TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_user ON events (user);

    CREATE TABLE service_keys (
        kind TEXT NOT NULL CHECK (kind <> ''),
        id TEXT NOT NULL CHECK (id <> ''),
        text TEXT NOT NULL CHECK (length(CAST(text AS BLOB)) <= 4096),
        checksum INTEGER NOT NULL,
        PRIMARY KEY (kind, id)
    ) STRICT;
";

/// The triggers; apart, because a migration fills the table before it has them. The last one is right also after an
/// operator's own `DELETE`: nobody's sessions outlive them.
pub(super) const CREATE_TRIGGERS: &str = "
    CREATE TRIGGER users_counted_up AFTER INSERT ON users BEGIN
        UPDATE meta SET value = value + 1 WHERE key = 'users_count';
    END;
    CREATE TRIGGER users_counted_down AFTER DELETE ON users BEGIN
        UPDATE meta SET value = value - 1 WHERE key = 'users_count';
    END;
    CREATE TRIGGER sessions_end_with_their_user AFTER DELETE ON users BEGIN
        DELETE FROM sessions WHERE user = OLD.id;
    END;
";

/// Makes the tables in an empty database, or checks that the database is ours and known.
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
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    match (application_id, objects) {
        (0, 0) => create(connection).map_err(engine)?,
        (APPLICATION_ID, _) if found > SCHEMA_VERSION => {
            return Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
        }
        (APPLICATION_ID, _) if found < 1 => return Err(altered(path, "the number of its schema")),
        (APPLICATION_ID, _) => migrate(connection, path, found)?,
        _ => return Err(OpenError::Foreign { path: path.to_owned(), application_id }),
    }
    check_definitions(connection, path)?;
    check_canonicalisation(connection, path)
}

fn altered(path: &Path, what: &str) -> OpenError {
    OpenError::Altered { path: path.to_owned(), what: what.to_owned() }
}

/// Whether every table and trigger is defined as we would define it: a flipped bit in a trigger would make it count
/// wrong from then on. What operators have added for themselves is theirs.
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

/// Name and text of each table and trigger.
fn definitions(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn create_all(connection: &Connection) -> rusqlite::Result<()> {
    [CREATE_REST, CREATE_USERS, CREATE_DEPENDENTS, CREATE_TRIGGERS]
        .iter()
        .try_for_each(|sql| connection.execute_batch(sql))
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

/// Checks that a database which is only read is ours, known and up to date.
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
        return Err(OpenError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    if found < SCHEMA_VERSION {
        return Err(OpenError::Older { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    check_canonicalisation(connection, path)
}

/// Checks that a database which is copied is ours, and no newer than what we know: an older one is brought up when it is
/// served.
///
/// # Errors
/// What is wrong with the file at `path`.
pub(super) fn check_copy(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match check_known(connection, path) {
        Err(OpenError::Older { found, .. }) if found >= 1 => check_canonicalisation(connection, path),
        Err(OpenError::Older { .. }) => Err(altered(path, "the number of its schema")),
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
    Err(OpenError::CanonicalisationMismatch { path: path.to_owned(), found, known: CANONICAL_VERSION })
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

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `octet_length` came with SQLite 3.43, and Debian 12 has 3.40: its `VACUUM INTO` failed on it.
    #[test]
    fn the_tables_name_no_function_that_an_older_sqlite_lacks() {
        let all = [CREATE_REST, CREATE_USERS, CREATE_DEPENDENTS, CREATE_TRIGGERS].concat();
        let before_parentheses = all.split('(').map(|text| {
            let word = text.rsplit(|char: char| !char.is_ascii_alphanumeric() && char != '_').next();
            word.unwrap_or_default().to_ascii_lowercase()
        });
        let mut functions: Vec<String> = before_parentheses.filter(|word| !word.is_empty()).collect();
        functions.sort_unstable();
        functions.dedup();
        assert_eq!(functions, ["cast", "length"]);
    }
}
