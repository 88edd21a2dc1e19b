//! A copy of the database file while it is served, and putting such a copy back.
//!
//! Neither is ever half done under its own name: what is being written is called `….part`, and gets its name after it
//! was looked through and is on the disk. A crash leaves the old file, or the new one, and perhaps the part.
//!
//! The copy is of one moment: the connection that reads keeps its snapshot, so that changes meanwhile neither wait nor
//! show; they stay in the write-ahead log until the copy is done. It goes in portions with pauses, so that the disk is
//! not taken from those who write.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::connection::connect;
use super::database_file::{owner_only, resolve, sync_folder};
use super::errors::OpenError;
use super::lock::ServingLock;
use super::schema;

/// Pages in a portion: 1 MiB, about a millisecond of a disk.
const STEP_PAGES: i32 = 256;

/// The pause after each: at most half a gigabyte a second is asked of the disk.
const STEP_PAUSE: Duration = Duration::from_millis(2);

/// How often another name is tried for the database that makes room.
const KEPT_NAMES_MAX: u32 = 1000;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    /// How many users are in it.
    pub users: u64,
    /// How large the file is.
    pub bytes: u64,
    /// Where the database lies that was replaced.
    pub previous: Option<PathBuf>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One of the files is no database of ours, or none that can be used now.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is there already.
    #[error("{0} is there already; choose another name, or say --replace")]
    Exists(PathBuf),
    /// The database is to be copied onto itself.
    #[error("{0} is the database itself; choose another file")]
    SameFile(PathBuf),
    /// Somebody else writes the same copy.
    #[error("{0} is being written by another userd; wait for it, or choose another name")]
    InProgress(PathBuf),
    /// The log of a database lies beside it, so that it is not all.
    #[error(
        "{0} lies beside it and holds changes: this is a database in use, no backup; make one with `userd backup`, or, \
         if its database is gone, move it away"
    )]
    WalPresent(PathBuf),
    /// Nothing more was found amiss than that it can't be written or read.
    #[error("can't write or read {path}; nothing was changed")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The copy broke off.
    #[error("the copy {path} could not be written; nothing was changed (is the disk full?)")]
    Copy {
        /// The copy.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

/// Copies the database at `database`, whether it is being served or not, into the file `to`, for this user's eyes only.
/// A file that is there is only replaced if `replace` says so. `timeout` is how long another program's lock is waited
/// for.
///
/// # Errors
/// A sentence that says what is wrong; then there is no new file.
pub fn backup(database: &Path, to: &Path, replace: bool, timeout: Duration) -> Result<BackupSummary, BackupError> {
    if !database.exists() {
        return Err(OpenError::NotFound { path: database.to_owned() }.into());
    }
    if to.exists() {
        if canonical(to)? == canonical(database)? {
            return Err(BackupError::SameFile(to.to_owned()));
        }
        if !replace {
            return Err(BackupError::Exists(to.to_owned()));
        }
    }
    // It may be a database that somebody serves: what they change would be lost, and their log be taken for the copy's.
    let place = if to.exists() { canonical(to)? } else { to.to_owned() };
    let _lock = ServingLock::acquire_if_present(&place)?;
    ensure_no_wal(&place)?;
    let engine = |source| OpenError::from_engine(database, source);
    let source = connect(database, OpenFlags::SQLITE_OPEN_READ_ONLY, timeout).map_err(engine)?;
    schema::check_copy(&source, database)?;
    let part = PartialFile::create(to)?;
    copy(&source, &part, timeout).map_err(|source| BackupError::Copy { path: part.path.clone(), source })?;
    drop(source);
    part.finish(to, timeout)
}

/// Puts the copy `from` where `database` is. The process that serves it has to be stopped. If a database is there,
/// `replace` has to say so, and it is kept beside under another name.
///
/// # Errors
/// A sentence that says what is wrong; then everything is as it was.
pub fn restore(from: &Path, database: &Path, replace: bool, timeout: Duration) -> Result<BackupSummary, BackupError> {
    if !from.exists() {
        let source = io::ErrorKind::NotFound.into();
        return Err(BackupError::File { path: from.to_owned(), source });
    }
    ensure_no_wal(from)?;
    let database = resolve(database)?;
    if canonical(from)? == database {
        return Err(BackupError::SameFile(database));
    }
    let _lock = ServingLock::acquire(&database)?;
    let there = database.exists();
    if there && !replace {
        return Err(BackupError::Exists(database));
    }
    let part = PartialFile::create(&database)?;
    let failed = |source| BackupError::File { path: from.to_owned(), source };
    let mut whole = File::open(from).map_err(failed)?;
    io::copy(&mut whole, &mut &part.file).map_err(|source| BackupError::File { path: part.path.clone(), source })?;
    let users = part.check(from, timeout)?;
    part.sync()?;
    let previous =
        if there { Some(keep_previous(&database, timeout)?) } else { ensure_no_wal(&database).map(|()| None)? };
    let log = Some(with_suffix(&database, "-wal")).filter(|log| has_bytes(log));
    let bytes = part.rename_to(&database, log.as_deref())?;
    Ok(BackupSummary { users, bytes, previous })
}

/// Copies what the database holds at this moment.
fn copy(source: &Connection, part: &PartialFile, timeout: Duration) -> rusqlite::Result<()> {
    // The snapshot is taken by the first read and held by the open transaction.
    let snapshot = source.unchecked_transaction()?;
    snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let mut into = connect(&part.path, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout)?;
    // Whoever breaks off begins anew; what is on the disk is made sure of at the end.
    into.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    into.pragma_update(None, "synchronous", "off")?;
    Backup::new(source, &mut into)?.run_to_completion(STEP_PAGES, STEP_PAUSE, None)
}

/// Gives the database at `database` another name beside, under which it stays; it also keeps its own until a new one
/// takes it. Its log is folded into it first, which would otherwise be taken for the new one's. A log that can't be folded
/// gets a second name, too, and keeps its own for [`PartialFile::rename_to`] to remove: until then nothing has changed.
fn keep_previous(database: &Path, timeout: Duration) -> Result<PathBuf, BackupError> {
    let engine = |source| BackupError::Open(OpenError::from_engine(database, source));
    let old = connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout).map_err(engine)?;
    match schema::check_copy(&old, database) {
        // One that is damaged is what a backup is put back for.
        Ok(()) | Err(OpenError::Altered { .. } | OpenError::Damaged { .. } | OpenError::NotADatabase { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let folded = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    drop(old);
    let log = with_suffix(database, "-wal");
    if folded.is_ok_and(|busy| busy != 0) {
        return Err(OpenError::Locked { path: database.to_owned() }.into());
    }
    for number in 1..=KEPT_NAMES_MAX {
        let previous = with_suffix(database, &format!(".before-restore-{number}"));
        let kept_log = with_suffix(&previous, "-wal");
        if kept_log.exists() {
            continue;
        }
        match fs::hard_link(database, &previous) {
            Ok(()) => {
                // Damaged beyond folding: the log goes with it.
                if has_bytes(&log) {
                    fs::hard_link(&log, &kept_log).map_err(|source| BackupError::File { path: kept_log, source })?;
                }
                sync_folder(database.parent())
                    .map_err(|source| BackupError::File { path: previous.clone(), source })?;
                return Ok(previous);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(BackupError::File { path: previous, source }),
        }
    }
    Err(BackupError::Exists(with_suffix(database, &format!(".before-restore-{KEPT_NAMES_MAX}"))))
}

/// A file under way, which is gone again if nobody finishes it.
struct PartialFile {
    path: PathBuf,
    /// Locked while it is written.
    file: File,
    finished: bool,
}

impl PartialFile {
    /// The empty file `<to>.part`. One that a crash left is taken over, one that somebody writes is not.
    fn create(to: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(to, ".part");
        let failed = |source| BackupError::File { path: path.clone(), source };
        let file = owner_only(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(failed)?;
        if file.try_lock().is_err() || !is_still_at(&file, &path) {
            return Err(BackupError::InProgress(path));
        }
        file.set_len(0).map_err(failed)?;
        Ok(Self { path, file, finished: false })
    }

    /// Whether it is a whole database of ours; `origin` is whose fault it is if not.
    fn check(&self, origin: &Path, timeout: Duration) -> Result<u64, BackupError> {
        let engine = |source| OpenError::from_engine(origin, source);
        let copy = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout).map_err(engine)?;
        schema::check_copy(&copy, origin)?;
        // One file and nothing beside it, which can also be read where nothing may be written.
        copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).map_err(engine)?;
        let sound: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(engine)?;
        if sound != "ok" {
            // It may have several lines.
            let what = format!("the file ({})", sound.replace('\n', " "));
            return Err(OpenError::Altered { path: origin.to_owned(), what }.into());
        }
        let users: i64 = copy.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).map_err(engine)?;
        Ok(u64::try_from(users).unwrap_or_default())
    }

    /// Looks it through, makes sure that it is on the disk, and gives it its name.
    fn finish(self, to: &Path, timeout: Duration) -> Result<BackupSummary, BackupError> {
        let users = self.check(to, timeout)?;
        self.sync()?;
        Ok(BackupSummary { users, bytes: self.rename_to(to, None)?, previous: None })
    }

    /// Makes sure that it is on the disk.
    fn sync(&self) -> Result<(), BackupError> {
        self.file.sync_all().map_err(|source| BackupError::File { path: self.path.clone(), source })
    }

    /// Gives it its name; gives its bytes. `old_log` is the log of a damaged database that had the name, and both have
    /// another one by now. It goes right before: of the two orders this is the harmless one. A crash between the two calls leaves the
    /// damaged database without its log under this name and with it under the other, and whoever restores again is
    /// done. In the other order SQLite would play the old log into the new file.
    fn rename_to(mut self, to: &Path, old_log: Option<&Path>) -> Result<u64, BackupError> {
        let failed = |source| BackupError::File { path: to.to_owned(), source };
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
            // What can't be removed is still called `.part`.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A log with changes in it beside a file that is to be all there is.
fn ensure_no_wal(path: &Path) -> Result<(), BackupError> {
    let log = with_suffix(path, "-wal");
    if has_bytes(&log) { Err(BackupError::WalPresent(log)) } else { Ok(()) }
}

fn has_bytes(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn canonical(path: &Path) -> Result<PathBuf, BackupError> {
    path.canonicalize().map_err(|source| BackupError::File { path: path.to_owned(), source })
}

/// Whether nobody has renamed the file between our opening and our locking it.
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
