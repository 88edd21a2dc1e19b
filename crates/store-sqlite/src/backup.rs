//! Backup of the database file while it is served, and restore of such a backup.
//!
//! **Invariant:** no incomplete file has its final name. A file is written as `….part`, and renamed after it was
//! checked and is on the disk. A crash leaves the old file or the new one, and perhaps the part.
//!
//! A backup is a snapshot: changes meanwhile neither wait nor appear in it; they stay in the write-ahead log until the
//! copy is done. It is copied in steps with pauses, to leave most of the disk to the writer.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::connection::connect;
use super::database_file::{ServingLock, ensure_one_name, log_path, owner_only, resolve, sync_folder, with_suffix};
use super::errors::OpenError;
use super::log_marker::has_log;
use super::{log_marker, schema};

/// Pages in a step: 1 MiB, about a millisecond of a disk.
const STEP_PAGES: i32 = 256;

/// The pause after each step: reads at most half a gigabyte per second.
const STEP_PAUSE: Duration = Duration::from_millis(2);

/// How many names are tried for the database that a restore replaces.
const KEPT_NAMES_MAX: u32 = 1000;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    /// The number of users in it.
    pub users: u64,
    /// The size of the file.
    pub bytes: u64,
    /// The new path of the database that was replaced.
    pub previous: Option<PathBuf>,
}

/// What a restore may do that it otherwise refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreConsent {
    /// Replace an existing database, and keep it under another name.
    pub replace: bool,
    /// Restore a database that was copied without its log, although its latest changes are missing.
    pub missing_log: bool,
}

/// Why a backup or a restore was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One of the files is not a userd database, or can't be used now.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The target exists.
    #[error("{0} already exists; choose another name, or pass --replace")]
    Exists(PathBuf),
    /// Source and target are the same file.
    #[error("{0} is the database itself; choose another file")]
    SameFile(PathBuf),
    /// Another process writes the same target.
    #[error("{0} is being written by another userd; wait for it, or choose another name")]
    InProgress(PathBuf),
    /// A write-ahead log is next to the file, so that the file alone is incomplete.
    #[error(
        "{0} contains changes, so the file next to it is a database in use and no backup; make a backup with \
         `userd backup`, or, if the database is gone, move the log away"
    )]
    WalPresent(PathBuf),
    /// A file can't be read or written.
    #[error("can't read or write {0}; nothing was changed")]
    File(PathBuf, #[source] io::Error),
    /// The copy was aborted.
    #[error("the copy {0} could not be written; nothing was changed (is the disk full?)")]
    Copy(PathBuf, #[source] rusqlite::Error),
}

/// Copies the database at `database`, served or not, into the file `to`, readable by its owner only. An existing file
/// is replaced only with `replace`. `timeout` limits the wait for another program's lock.
///
/// # Errors
/// What is wrong; then no new file was made.
pub fn backup(database: &Path, to: &Path, replace: bool, timeout: Duration) -> Result<BackupSummary, BackupError> {
    if !database.exists() {
        return Err(OpenError::NotFound(database.to_owned()).into());
    }
    if to.exists() {
        if canonical(to)? == canonical(database)? {
            return Err(BackupError::SameFile(to.to_owned()));
        }
        if !replace {
            return Err(BackupError::Exists(to.to_owned()));
        }
    }
    // The target may be a database that is being served: its changes would be lost, and its log taken for the copy's.
    let place = if to.exists() { canonical(to)? } else { to.to_owned() };
    let _lock = ServingLock::acquire_if_present(&place)?;
    ensure_no_wal(&place)?;
    ensure_one_name(database)?;
    let engine = |source| OpenError::from_engine(database, source);
    let source = connect(database, OpenFlags::SQLITE_OPEN_READ_ONLY, timeout).map_err(engine)?;
    schema::check_copy(&source, database)?;
    log_marker::ensure_log(&source, database)?;
    let part = PartialFile::create(to)?;
    copy(&source, &part, timeout).map_err(|source| BackupError::Copy(part.path.clone(), source))?;
    drop(source);
    // The snapshot is complete, whatever the mark says at that moment.
    let users = part.finish(to, true, timeout)?;
    Ok(BackupSummary { users, bytes: part.rename_to(to, None)?, previous: None })
}

/// Replaces `database` by the backup `from`. The process that serves it has to be stopped. An existing database
/// requires consent, and is kept under another name next to it.
///
/// # Errors
/// What is wrong; then nothing was changed.
pub fn restore(
    from: &Path,
    database: &Path,
    accepted: RestoreConsent,
    timeout: Duration,
) -> Result<BackupSummary, BackupError> {
    if !from.exists() {
        return Err(BackupError::File(from.to_owned(), io::ErrorKind::NotFound.into()));
    }
    ensure_no_wal(from)?;
    let database = resolve(database)?;
    if canonical(from)? == database {
        return Err(BackupError::SameFile(database));
    }
    let _lock = ServingLock::acquire(&database)?;
    let there = database.exists();
    if there && !accepted.replace {
        return Err(BackupError::Exists(database));
    }
    let part = PartialFile::create(&database)?;
    let failed = |source| BackupError::File(from.to_owned(), source);
    let mut whole = File::open(from).map_err(failed)?;
    io::copy(&mut whole, &mut &part.file).map_err(|source| BackupError::File(part.path.clone(), source))?;
    let users = part.finish(from, accepted.missing_log, timeout)?;
    let previous =
        if there { Some(keep_previous(&database, timeout)?) } else { ensure_no_wal(&database).map(|()| None)? };
    let log = has_log(&database).then(|| log_path(&database));
    let bytes = part.rename_to(&database, log.as_deref())?;
    Ok(BackupSummary { users, bytes, previous })
}

/// Copies a snapshot of the database.
fn copy(source: &Connection, part: &PartialFile, timeout: Duration) -> rusqlite::Result<()> {
    // The snapshot is taken by the first read and held by the open transaction.
    let snapshot = source.unchecked_transaction()?;
    snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let mut into = connect(&part.path, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout)?;
    // An aborted copy is repeated from the beginning; the fsync comes at the end.
    into.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    into.pragma_update(None, "synchronous", "off")?;
    Backup::new(source, &mut into)?.run_to_completion(STEP_PAGES, STEP_PAUSE, None)
}

/// Gives the database at `database` a second name, under which it is kept; its own name goes to the new file later. Its
/// log is checkpointed first, because it would be taken for the new file's. A log that can't be checkpointed gets a
/// second name, too, and keeps its own until [`PartialFile::rename_to`] removes it: until then nothing has changed.
fn keep_previous(database: &Path, timeout: Duration) -> Result<PathBuf, BackupError> {
    let engine = |source| BackupError::Open(OpenError::from_engine(database, source));
    let old = connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout).map_err(engine)?;
    match schema::check_copy(&old, database) {
        // A damaged database is the reason for a restore.
        Ok(()) | Err(OpenError::Altered { .. } | OpenError::Damaged { .. } | OpenError::NotADatabase { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if has_log(database) {
        // Left in the log by a crash between two steps of a checkpoint. If that fails, the checkpoint does, too.
        let _ = log_marker::clear(&old);
    }
    let checkpointed = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    drop(old);
    let log = log_path(database);
    if checkpointed.is_ok_and(|busy| busy != 0) {
        return Err(OpenError::Locked(database.to_owned()).into());
    }
    for number in 1..=KEPT_NAMES_MAX {
        let previous = with_suffix(database, &format!(".before-restore-{number}"));
        let kept_log = log_path(&previous);
        if kept_log.exists() {
            continue;
        }
        match fs::hard_link(database, &previous) {
            Ok(()) => {
                // Too damaged for a checkpoint: the log is kept with it.
                if has_log(database) {
                    fs::hard_link(&log, &kept_log).map_err(|source| BackupError::File(kept_log, source))?;
                }
                sync_folder(database.parent()).map_err(|source| BackupError::File(previous.clone(), source))?;
                return Ok(previous);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(BackupError::File(previous, source)),
        }
    }
    Err(BackupError::Exists(with_suffix(database, &format!(".before-restore-{KEPT_NAMES_MAX}"))))
}

/// A file that is being written; removed if it is not finished.
struct PartialFile {
    path: PathBuf,
    /// Locked while it is written.
    file: File,
    finished: bool,
}

impl PartialFile {
    /// The empty file `<to>.part`. One left by a crash is reused; one that another process writes is an error.
    fn create(to: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(to, ".part");
        let failed = |source| BackupError::File(path.clone(), source);
        let file = owner_only(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(failed)?;
        if file.try_lock().is_err() || !is_still_at(&file, &path) {
            return Err(BackupError::InProgress(path));
        }
        file.set_len(0).map_err(failed)?;
        Ok(Self { path, file, finished: false })
    }

    /// Checks that it is a complete userd database, counts its users, and syncs it to the disk; `origin` is the path
    /// that errors name. A mark that its log is missing is removed with `is_complete`, and refused without.
    fn finish(&self, origin: &Path, is_complete: bool, timeout: Duration) -> Result<u64, BackupError> {
        let engine = |source| OpenError::from_engine(origin, source);
        let copy = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout).map_err(engine)?;
        schema::check_copy(&copy, origin)?;
        // A single file without a log, which can be read on a read-only disk, too.
        copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).map_err(engine)?;
        let sound: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(engine)?;
        if sound != "ok" {
            // The text may have several lines.
            let what = format!("the file ({})", sound.replace('\n', " "));
            return Err(OpenError::Altered(origin.to_owned(), what).into());
        }
        if is_complete {
            log_marker::clear(&copy).map_err(engine)?;
        } else if log_marker::is_marked(&copy).map_err(engine)? {
            return Err(OpenError::MissingLog(origin.to_owned()).into());
        }
        let users: i64 = copy.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).map_err(engine)?;
        drop(copy);
        self.file.sync_all().map_err(|source| BackupError::File(self.path.clone(), source))?;
        Ok(u64::try_from(users).unwrap_or_default())
    }

    /// Gives it its final name, and returns its size. `old_log` is the log of a damaged database that had this name;
    /// both have a second name by now. The log is removed first: a crash between the two calls then leaves the damaged
    /// database without its log under this name, and complete under the second one, and the restore can be repeated. In
    /// the other order SQLite would apply the old log to the new file.
    fn rename_to(mut self, to: &Path, old_log: Option<&Path>) -> Result<u64, BackupError> {
        let failed = |source| BackupError::File(to.to_owned(), source);
        let bytes = self.file.metadata().map_err(failed)?.len();
        if let Some(log) = old_log {
            fs::remove_file(log).map_err(failed)?;
        }
        fs::rename(&self.path, to).map_err(failed)?;
        self.finished = true;
        sync_folder(to.parent()).map_err(failed)?;
        Ok(bytes)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.finished {
            // A file that can't be removed still has the name `.part`.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Rejects a file with a log next to it that contains changes.
fn ensure_no_wal(path: &Path) -> Result<(), BackupError> {
    if has_log(path) { Err(BackupError::WalPresent(log_path(path))) } else { Ok(()) }
}

fn canonical(path: &Path) -> Result<PathBuf, BackupError> {
    path.canonicalize().map_err(|source| BackupError::File(path.to_owned(), source))
}

/// Whether the file was not renamed between opening and locking it.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_still_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
