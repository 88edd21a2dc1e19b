//! The tables, as SQL text, and the numbers that say which tables a file has.
//!
//! # How to add a schema version
//! Raise [`SCHEMA_VERSION`], change the `CREATE_…` texts, and add a step to `schema::migrate` that upgrades the version
//! before in one transaction; keep a file of the old version in `tests/it/fixtures`.

use rusqlite::Connection;

/// The application id, in bytes 68–71 of the file (`file` and others show it): "usrd" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x7573_7264;

/// The present schema, stored in `PRAGMA user_version`.
pub(super) const SCHEMA_VERSION: i32 = 3;

/// Size of the row in `probe`: more pages than a sign-up changes (about nine), so that a disk with room for a probe has
/// room for a sign-up. One page is not enough: on a full disk it often still fits into the last block of the log.
pub(super) const PROBE_BYTES: u32 = 64 * 1024;

/// Metadata of the file, and the row that a health check writes.
///
/// `users` has a rowid, so that a row with a damaged id can be named. The number of users is maintained by triggers, in
/// the transaction of each change, because `count(*)` scans the whole table; so it is right after an operator's own
/// `DELETE`, too.
///
/// Operators open the file with the `sqlite3` of their system. A version that lacks a function named here can neither
/// change the tables nor `VACUUM INTO` a copy: so nothing newer than STRICT (3.37).
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

/// The users, each row with a checksum (see `checksum`).
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

/// Sessions, events and the service's keys; since version 3.
///
/// - `sessions` has a checksum per row and a rowid, as `users` has. Its key begins with the user, so that one index
///   finds one session and all sessions of a user.
/// - `events` grows at its end. `number` only increases, so that the oldest are found without a scan; failed sign-ins
///   with unknown e-mails share one row below zero (see `events`).
/// - `service_keys` has a checksum per row: a flipped bit could give a service another scope.
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

/// The triggers, separate because a migration fills the table before it creates them. The last one works for an
/// operator's own `DELETE`, too: no session outlives its user.
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

/// Creates all tables and triggers.
pub(super) fn create_all(connection: &Connection) -> rusqlite::Result<()> {
    [CREATE_REST, CREATE_USERS, CREATE_DEPENDENTS, CREATE_TRIGGERS]
        .iter()
        .try_for_each(|sql| connection.execute_batch(sql))
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
