//! What can go wrong with the database, in sentences that say what to change.
//!
//! Two kinds: [`OpenError`] while starting, for the operator's eyes; [`DatabaseError`] while serving, which becomes
//! a [`StoreError`]. Neither ever holds a value of a user's row.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;

use userd_core::{DisplayNameError, PasswordHashError, UserId};
use userd_store::StoreError;

/// Why the database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is not there and can't be made.
    #[error("can't make the folder {path} for the database; make it yourself, or choose a path that may be written")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file in the folder can't be made or opened.
    #[error("can't write {path}; let the user that runs userd write this file and its folder, or choose another path")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process serves this database.
    #[error("{path} is being served by another userd ({holder}); stop that one first, or choose another path")]
    InUse {
        /// The database.
        path: PathBuf,
        /// `process 4711`, or that it did not say.
        holder: String,
    },
    /// The database may only be read.
    #[error("{path} can only be read; let the user that runs userd write it and its folder (chown, chmod u+w)")]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The file is not an SQLite database, or its first page is destroyed.
    #[error("{path} is not an SQLite database, or its beginning is damaged; put a backup back, or choose another path")]
    NotADatabase {
        /// The database.
        path: PathBuf,
    },
    /// Some page of the database is destroyed.
    #[error("{path} is damaged; put a backup back, or save what `sqlite3 {path} .recover` still finds")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A database of ours, but something that never changes is not as we write it.
    #[error("{path}: {what} is not as userd writes it (damage, or somebody's edit); put a backup back")]
    Altered {
        /// The database.
        path: PathBuf,
        /// What of it.
        what: String,
    },
    /// A database, but another program's.
    #[error("{path} belongs to another program (application id {application_id:#x}); choose another path")]
    Foreign {
        /// The database.
        path: PathBuf,
        /// What the file says it belongs to; 0 if it says nothing.
        application_id: i32,
    },
    /// Written by a later userd.
    #[error("{path} has schema {found}, this userd knows {known} at most; run the newer userd that wrote it")]
    Newer {
        /// The database.
        path: PathBuf,
        /// The schema of the file.
        found: i32,
        /// The newest schema known.
        known: i32,
    },
    /// Written by an earlier userd, and only to be read.
    #[error("{path} has schema {found}, this userd reads {known}; serve it once with this userd, which brings it up")]
    Older {
        /// The database.
        path: PathBuf,
        /// The schema of the file.
        found: i32,
        /// The schema that is read.
        known: i32,
    },
    /// There is no file, and none is to be made.
    #[error("there is no database at {path}; name the file that userd serves with --store sqlite:PATH")]
    NotFound {
        /// Where it should be.
        path: PathBuf,
    },
    /// Its e-mails were canonicalised by other rules.
    #[error(
        "the e-mails in {path} were made canonical by version {found} of the rules, this userd uses {known}; \
         run the userd that wrote it, export there and import here"
    )]
    CanonicalisationMismatch {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// Our version.
        known: u32,
    },
    /// The file system can't do what a write-ahead log needs.
    #[error("{path} can't be kept with a write-ahead log (SQLite chose '{mode}'); use a local disk, no network share")]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
        /// What SQLite chose instead.
        mode: String,
    },
    /// No room for the database.
    #[error("the disk of {path} is full; free some space and start again")]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Another program holds a lock on the database.
    #[error("{path} is locked by another program (an sqlite3 shell in a transaction?); end it and start again")]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// Anything else that SQLite says.
    #[error("can't open the database {path}")]
    Engine {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The system gave no thread.
    #[error("can't start the writer's thread; raise the limit of threads (ulimit -u)")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// What `source` means while the database at `path` is being opened.
    pub(super) fn from_engine(path: &std::path::Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, source },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            _ => Self::Engine { path, source },
        }
    }
}

/// What is wrong with a row of any table.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum RowError {
    /// The id is no UUID.
    #[error("the id is not a blob of 16 bytes")]
    Id,
    /// A column of another type, or text that is not UTF-8.
    #[error("the column {column} holds another kind of value")]
    Kind {
        /// Which.
        column: &'static str,
        /// What was found instead.
        #[source]
        source: FromSqlError,
    },
    /// A number below what the column may hold.
    #[error("the column {0} holds a number that is too small")]
    TooSmall(&'static str),
    /// A name that breaks a rule.
    #[error("the name can't be one")]
    DisplayName(#[source] DisplayNameError),
    /// An address that is empty or longer than any address.
    #[error("the column {0} holds no e-mail address")]
    Email(&'static str),
    /// A hash in no known form.
    #[error("the password hash can't be one")]
    PasswordHash(#[source] PasswordHashError),
    /// Bytes or text that can't be what the column holds.
    #[error("the column {0} holds something else")]
    Other(&'static str),
    /// Each column could be right; together they are not what was written.
    #[error("the row does not match its checksum: the disk has damaged it, or it was edited by hand")]
    Checksum,
}

/// Why an act on a connection failed.
#[derive(Debug)]
pub(super) enum DatabaseError {
    /// SQLite could not do it.
    Engine(rusqlite::Error),
    /// A row that can't be what its table holds.
    Row {
        /// `users/<id or rowid>`, and so on for other tables.
        key: String,
        /// What is wrong with it.
        source: RowError,
    },
    /// A new user came with the id of another.
    IdInUse(UserId),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Engine(source)
    }
}

impl DatabaseError {
    /// What the caller of the store is told.
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Engine(source) => UnavailableReason::from_engine(source.into()).into_store_error(),
            Self::Row { key, source } => StoreError::Corrupt { key, source: source.into() },
            Self::IdInUse(id) => UnavailableReason::IdInUse(id).into_store_error(),
        }
    }
}

/// What keeps the store from serving, for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum UnavailableReason {
    /// `SQLITE_FULL`.
    #[error("the disk or quota of the database is full; free some space, userd goes on by itself")]
    Full(#[source] Arc<rusqlite::Error>),
    /// `SQLITE_READONLY`.
    #[error("the database can only be read; let userd write the file and its folder, or remount the disk")]
    ReadOnly(#[source] Arc<rusqlite::Error>),
    /// `SQLITE_BUSY`.
    #[error("another program holds the database locked (an sqlite3 shell in a transaction?); end it")]
    Busy(#[source] Arc<rusqlite::Error>),
    /// `SQLITE_IOERR` and what else concerns files.
    #[error("the system could not read or write the database file; look at the disk and the kernel's log")]
    Disk(#[source] Arc<rusqlite::Error>),
    /// Anything else.
    #[error("SQLite could not do it")]
    Engine(#[source] Arc<rusqlite::Error>),
    /// The queue is full.
    #[error("too many changes wait for the database; the disk is slower than they come")]
    QueueFull,
    /// The time limit is over.
    #[error("the change was not written within its time limit; the disk is too slow or too busy")]
    TimedOut,
    /// The writer's thread has ended by a defect.
    #[error("the writer's thread has ended; look for a panic in the log and restart userd")]
    WriterGone,
    /// SQLite gave up the transaction that this change shared.
    #[error("another change in the same commit met a failure of the disk; try again")]
    GroupFailed,
    /// After `close`.
    #[error("the store is closed")]
    Closed,
    /// The random numbers repeat, or somebody imports over existing users.
    #[error("another user has the id {0}; try again with a fresh one")]
    IdInUse(UserId),
    /// `SQLITE_CORRUPT`.
    #[error("a page of the database is damaged; stop userd, run PRAGMA integrity_check, put a backup back")]
    Damaged(#[source] Arc<rusqlite::Error>),
}

impl UnavailableReason {
    /// What `source` means for whoever looks after the machine.
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

    /// What the caller of the store is told. Damage has no row to name: it is a page's.
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Damaged(_) => StoreError::corrupt("the database file", self),
            _ => StoreError::unavailable(self),
        }
    }
}
