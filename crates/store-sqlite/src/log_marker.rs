//! The mark in the database file that says: the changes since are in its write-ahead log, so this file alone is
//! incomplete. A `userd.db` that was copied without its `userd.db-wal` is refused because of it; otherwise SQLite would
//! take the missing log for an empty one, and the latest users would be gone without a word.
//!
//! The mark is a row of `meta`. Its value differs between the file by itself and the file with its log:
//!
//! | read | while serving, and after a crash | after a close |
//! |---|---|---|
//! | the file alone | 1 | 0 |
//! | the file with its log | 0 | 0 |
//!
//! So a copy that SQLite makes (its backup API, `.backup`, `VACUUM INTO`), or a checkpoint by another program, has 0
//! and is complete. **Invariant:** while a commit is in the log only, the file alone has 1.
//!
//! [`checkpoint`] keeps it, at the start and whenever the log is moved into the file: *mark* (1, into the log), *move*
//! (the log, and so the 1, into the file), *clear* (0, into the log). A crash between two of these leaves 1 also with
//! the log. That is complete as well: then the log file has bytes, because the first commit after the start syncs the
//! log and its folder before a checkpoint can move the mark. So what is refused is a mark and no log.
//!
//! A reader that keeps a snapshot for long (a backup) can stop the *move* halfway, at a commit that has 0. Then the
//! file alone has 0 until the next checkpoint; nothing is lost by that, only a copy without the log is not recognised.
//!
//! **Invariant:** a connection that may leave 1 in the log does not delete the log when it is closed
//! (`SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE`, see `connection`).

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::database_file::log_path;
use super::errors::OpenError;

const READ: &str = "SELECT value FROM meta WHERE key = 'needs_log'";

const MARK: &str = "INSERT INTO meta (key, value) VALUES ('needs_log', 1) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";

const CLEAR: &str = "UPDATE meta SET value = 0 WHERE key = 'needs_log'";

/// Moves what it can of the log into the file, so that the file alone has the mark and the file with its log does not.
///
/// # Errors
/// A step failed. The other steps are tried all the same: a log that grows without end would be worse than a file
/// without the mark. Nothing is lost.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let marked = execute(connection, MARK);
    let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    let cleared = clear(connection);
    marked.and(moved).and(cleared)
}

/// Removes the mark: the file, or the file with its log, is complete. Without a mark it takes no lock for writing.
pub(super) fn clear(connection: &Connection) -> rusqlite::Result<()> {
    if is_marked(connection)? { execute(connection, CLEAR) } else { Ok(()) }
}

/// Pages of the log that are not yet in the file.
pub(super) fn pending_pages(connection: &Connection) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
        .query_row([], |row| Ok(u32::try_from(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?).unwrap_or_default()))
}

/// Whether the mark is there. A file of an older userd has none.
pub(super) fn is_marked(connection: &Connection) -> rusqlite::Result<bool> {
    let value: Option<i64> = connection.query_row(READ, [], |row| row.get(0)).optional()?;
    Ok(value.is_some_and(|value| value != 0))
}

/// Refuses the database at `path`, which `connection` has opened, if it has the mark and no log.
///
/// # Errors
/// [`OpenError::MissingLog`].
pub(super) fn ensure_log(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let is_marked = || is_marked(connection).map_err(|source| OpenError::from_engine(path, source));
    // A process that closes the database between the first two removes the mark before the log.
    if is_marked()? && !has_log(path) && is_marked()? {
        return Err(OpenError::MissingLog(path.to_owned()));
    }
    Ok(())
}

/// Whether the database at `path` has a log with changes. SQLite looks for it next to the file that a link leads to.
pub(super) fn has_log(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    fs::metadata(log_path(&path)).is_ok_and(|log| log.len() > 0)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::OpenFlags;
    use tempfile::TempDir;

    use super::super::connection::{configure_writer, connect, set_checkpoint_on_close};
    use super::super::{
        OfflineKeyStore, ReadOnlyDatabase, RestoreConsent, SqliteSettings, SqliteStore, backup, restore,
    };
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn open(path: &Path) -> Result<SqliteStore, OpenError> {
        let (path, events_retention_max) = (path.to_owned(), userd_store::EVENTS_RETENTION_DEFAULT);
        SqliteStore::open(&SqliteSettings { path, readers: 1, timeout: TIMEOUT, queue: 8, events_retention_max })
    }

    /// What a crash leaves after the first `steps` of a checkpoint.
    fn crashed_after(steps: usize) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("userd.db");
        drop(open(&path).expect("a fresh database"));
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, TIMEOUT).expect("it opens");
        configure_writer(&connection, &path).expect("it is ours");
        set_checkpoint_on_close(&connection, false).expect("set");
        let act = |step: usize| match step {
            0 => execute(&connection, MARK),
            1 => connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())),
            _ => clear(&connection),
        };
        (0..steps).try_for_each(act).expect("the steps work");
        drop(connection);
        assert_eq!(has_log(&path), steps > 0);
        folder
    }

    #[test]
    fn after_a_crash_at_each_step_everything_opens_it_and_no_mark_is_left_behind() {
        for steps in 0..=3 {
            let opened = |what: &str, path: &Path| {
                ReadOnlyDatabase::open(path, TIMEOUT).unwrap_or_else(|error| panic!("{what} after {steps}: {error}"));
                drop(open(path).unwrap_or_else(|error| panic!("{what} after {steps}: {error}")));
                drop(open(path).unwrap_or_else(|error| panic!("{what} after {steps}, again: {error}")));
            };
            let folder = crashed_after(steps);
            opened("nothing else", &folder.path().join("userd.db"));

            let folder = crashed_after(steps);
            drop(OfflineKeyStore::open(&folder.path().join("userd.db"), TIMEOUT).expect("a crashed database"));
            opened("key store", &folder.path().join("userd.db"));

            let folder = crashed_after(steps);
            let (path, copy) = (folder.path().join("userd.db"), folder.path().join("copy.db"));
            backup(&path, &copy, false, TIMEOUT).expect("a crashed database");
            let accepted = RestoreConsent { replace: true, ..RestoreConsent::default() };
            let restored = restore(&copy, &path, accepted, TIMEOUT).expect("a backup");
            opened("backup", &copy);
            opened("restore", &path);
            opened("the database before", &restored.previous.expect("it is kept"));
        }
    }

    /// A trigger stands for a disk that fails at the third step.
    #[test]
    fn a_store_that_could_not_clear_the_mark_keeps_its_log_when_it_is_closed() {
        let folder = crashed_after(0);
        let path = folder.path().join("userd.db");
        let shell = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, TIMEOUT).expect("it opens");
        let fails = "CREATE TRIGGER fails BEFORE UPDATE ON meta WHEN NEW.key = 'needs_log' AND NEW.value = 0
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
        shell.execute_batch(fails).expect("a trigger");
        drop(shell);
        for round in 0..3 {
            drop(open(&path).unwrap_or_else(|error| panic!("round {round}: {error}")));
            assert!(has_log(&path), "round {round}");
        }
    }

    #[test]
    fn the_file_alone_has_the_mark_after_a_checkpoint_and_not_after_a_close() {
        for (steps, alone) in [(0, false), (2, true), (3, true)] {
            let folder = crashed_after(steps);
            let path = folder.path().join("userd.db");
            let copy = folder.path().join("copy.db");
            fs::copy(&path, &copy).expect("a copy");
            assert_eq!(matches!(open(&copy), Err(OpenError::MissingLog(_))), alone, "{steps}");
        }
    }
}
