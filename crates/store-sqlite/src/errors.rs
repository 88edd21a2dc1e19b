//! What can go wrong with the database, and what to do about it.
//!
//! [`OpenError`] is for the operator, at the start. [`DatabaseError`] happens while serving and becomes a
//! [`StoreError`]; its reason is logged. **Invariant:** no error contains a value of a user's row.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;

use super::tables::SCHEMA_VERSION;
use userd_core::{CANONICAL_VERSION, DisplayNameError, PasswordHashError, UserId};
use userd_store::StoreError;

/// Why the database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder does not exist and can't be created.
    #[error("can't create the folder {0} for the database; create it, or choose a writable path")]
    Folder(PathBuf, #[source] io::Error),
    /// A file in the folder can't be created or opened.
    #[error("can't write {0}; give userd's user write access to this file and its folder, or choose another path")]
    File(PathBuf, #[source] io::Error),
    /// Another process serves this database.
    #[error("{path} is being served by another userd ({holder}); stop it first, or choose another path")]
    InUse {
        /// The database.
        path: PathBuf,
        /// `process 4711`, or that the process is unknown.
        holder: String,
    },
    /// The file has more than one name.
    #[error(
        "{path} has {names} names (hard links), and lock and log are found by name; remove the other names (`find \
         FOLDER -samefile {path}` lists them; an aborted restore leaves …before-restore-1)"
    )]
    HardLinked {
        /// The database.
        path: PathBuf,
        /// How many.
        names: u64,
    },
    /// The file was copied without its log.
    #[error(
        "{0} is incomplete, because its write-ahead log {0}-wal is missing, which has the latest changes; put the log \
         next to it, or restore a backup, or accept the loss with `userd restore FILE --accept-missing-log`"
    )]
    MissingLog(PathBuf),
    /// The database is read-only.
    #[error("{0} is read-only; give userd's user write access to it and its folder (chown, chmod u+w)")]
    ReadOnly(PathBuf),
    /// The file is not an SQLite database, or its first page is damaged.
    #[error("{0} is not an SQLite database, or its beginning is damaged; restore a backup, or choose another path")]
    NotADatabase(PathBuf),
    /// A page of the database is damaged.
    #[error("{0} is damaged; restore a backup, or recover what `sqlite3 {0} .recover` still finds")]
    Damaged(PathBuf, #[source] rusqlite::Error),
    /// A userd database, but a part that never changes differs from what userd writes.
    #[error("{0}: {1} is not as userd writes it (damage, or a manual edit); restore a backup")]
    Altered(PathBuf, String),
    /// A database of another program.
    #[error("{path} belongs to another program (application id {application_id:#x}); choose another path")]
    Foreign {
        /// The database.
        path: PathBuf,
        /// The id in the file; 0 if it has none.
        application_id: i32,
    },
    /// Written by a newer userd.
    #[error(
        "{path} has schema {found}, this userd supports {SCHEMA_VERSION} at most; run the newer userd that wrote it"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The schema of the file.
        found: i32,
    },
    /// Written by an older userd, and opened read-only.
    #[error(
        "{path} has schema {found}, this userd reads {SCHEMA_VERSION}; serve it once with this userd, which upgrades it"
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// The schema of the file.
        found: i32,
    },
    /// The file does not exist and is not to be created.
    #[error("there is no database at {0}; name the file that userd serves with --store sqlite:PATH")]
    NotFound(PathBuf),
    /// Its e-mails were canonicalised by other rules than ours.
    #[error(
        "the e-mails in {path} were canonicalised by version {found} of the rules, this userd uses {CANONICAL_VERSION}; \
         run the userd that wrote it, export there and import here"
    )]
    CanonicalisationMismatch {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: i64,
    },
    /// The file system does not support a write-ahead log.
    #[error("{path} can't have a write-ahead log (SQLite chose '{mode}'); use a local disk, not a network share")]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
        /// What SQLite chose instead.
        mode: String,
    },
    /// No room for the database.
    #[error("the disk of {0} is full; free some space and start again")]
    Full(PathBuf),
    /// Another program holds a lock on the database.
    #[error("{0} is locked by another program (an sqlite3 shell in a transaction?); end it and start again")]
    Locked(PathBuf),
    /// Any other error of SQLite.
    #[error("can't open the database {0}")]
    Engine(PathBuf, #[source] rusqlite::Error),
    /// The system did not create a thread.
    #[error("can't start the writer thread; raise the limit of threads (ulimit -u)")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// Classifies an error of opening the database at `path`.
    pub(super) fn from_engine(path: &std::path::Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(path, source),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            _ => Self::Engine(path, source),
        }
    }
}

/// What is wrong with a row of any table.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum RowError {
    /// The id is not a UUID.
    #[error("the id is not a blob of 16 bytes")]
    Id,
    /// A column of another type, or text that is not UTF-8.
    #[error("the column {0} has a value of another type")]
    Kind(&'static str, #[source] FromSqlError),
    /// A number below the column's minimum.
    #[error("the number in the column {0} is too small")]
    TooSmall(&'static str),
    /// A name that the rules reject.
    #[error("the name is invalid")]
    DisplayName(#[source] DisplayNameError),
    /// An e-mail address that is empty or too long.
    #[error("the column {0} has no e-mail address")]
    Email(&'static str),
    /// A hash of no known format.
    #[error("the password hash is invalid")]
    PasswordHash(#[source] PasswordHashError),
    /// Bytes or text that can't be parsed.
    #[error("the value of the column {0} can't be parsed")]
    Other(&'static str),
    /// Each column is valid, but together they are not what was written.
    #[error("the row does not match its checksum: the disk has damaged it, or it was edited by hand")]
    Checksum,
}

/// Why an operation on a connection failed.
#[derive(Debug)]
pub(super) enum DatabaseError {
    /// SQLite failed.
    Engine(rusqlite::Error),
    /// A row that can't be parsed.
    Row {
        /// `users/<id or rowid>`, and so on for other tables.
        key: String,
        /// What is wrong with it.
        source: RowError,
    },
    /// A new user has the id of another one.
    IdInUse(UserId),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Engine(source)
    }
}

impl DatabaseError {
    /// The error of the store contract.
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Engine(source) => UnavailableReason::from_engine(source.into()).into_store_error(),
            Self::Row { key, source } => StoreError::Corrupt { key, source: source.into() },
            Self::IdInUse(id) => UnavailableReason::IdInUse(id).into_store_error(),
        }
    }
}

/// Why the store can't serve, for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum UnavailableReason {
    /// `SQLITE_FULL`.
    #[error("the disk or quota of the database is full; free some space, then userd recovers by itself")]
    Full(#[source] Arc<rusqlite::Error>),
    /// `SQLITE_READONLY`.
    #[error("the database is read-only; give userd write access to the file and its folder, or remount the disk")]
    ReadOnly(#[source] Arc<rusqlite::Error>),
    /// `SQLITE_BUSY`.
    #[error("another program has locked the database (an sqlite3 shell in a transaction?); end it")]
    Busy(#[source] Arc<rusqlite::Error>),
    /// `SQLITE_IOERR` and other errors of files.
    #[error("the system could not read or write the database file; check the disk and the kernel's log")]
    Disk(#[source] Arc<rusqlite::Error>),
    /// Anything else.
    #[error("SQLite failed")]
    Engine(#[source] Arc<rusqlite::Error>),
    /// The queue is full.
    #[error("too many changes are waiting for the database; the disk can't keep up")]
    QueueFull,
    /// The time limit was exceeded.
    #[error("the change was not written within its time limit; the disk is too slow or too busy")]
    TimedOut,
    /// The writer thread has ended because of a bug.
    #[error("the writer thread has ended; look for a panic in the log and restart userd")]
    WriterGone,
    /// SQLite rolled back the transaction that this change shared.
    #[error("another change in the same commit hit a disk failure; retry")]
    GroupFailed,
    /// The file was deleted, replaced or emptied while it is served.
    #[error("{0}; put the same file back, or restart userd to serve another one")]
    FileLost(String),
    /// After `close`.
    #[error("the store is closed")]
    Closed,
    /// The random number generator repeats itself, or an import has ids of existing users.
    #[error("another user has the id {0}; retry with a fresh one")]
    IdInUse(UserId),
    /// `SQLITE_CORRUPT`.
    #[error("a page of the database is damaged; stop userd, run PRAGMA integrity_check, restore a backup")]
    Damaged(#[source] Arc<rusqlite::Error>),
}

impl UnavailableReason {
    /// Classifies an error of SQLite for the operator.
    pub(super) fn from_engine(source: Arc<rusqlite::Error>) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(source),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(source),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(source),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Disk(source),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(source),
            _ => Self::Engine(source),
        }
    }

    /// The error of the store contract. Damage of a page has no row to name.
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Damaged(_) => StoreError::corrupt("the database file", self),
            _ => StoreError::unavailable(self),
        }
    }
}
