//! One serving process for each database file.
//!
//! SQLite itself would allow a second writer, which would be slower, and whose changes the first one's caches would
//! miss. The lock is the operating system's (`flock` on Unix): it ends with the process, also after `kill -9`, so there
//! is nothing to clean up. It is a file of its own, because on Unix closing *any* handle of the database file drops the
//! locks that SQLite holds on it.
//!
//! It does not protect against two machines that share a disk, nor against SQLite's own tools, which may read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::database_file::owner_only;
use super::errors::OpenError;

/// The suffix of the lock file.
const SUFFIX: &str = ".lock";

/// Limit of the text read from the lock file: a process id has at most ten digits.
const HOLDER_BYTES_MAX: u64 = 16;

/// The exclusive right to serve a database; released when dropped.
#[derive(Debug)]
pub(super) struct ServingLock {
    _file: File,
}

impl ServingLock {
    /// Acquires the lock of `database` if a lock file exists; does not create one.
    ///
    /// # Errors
    /// As [`ServingLock::acquire`].
    pub(super) fn acquire_if_present(database: &Path) -> Result<Option<Self>, OpenError> {
        if lock_path(database).exists() { Self::acquire(database).map(Some) } else { Ok(None) }
    }

    /// Acquires the lock of `database`.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process has it, [`OpenError::File`] if the lock file can't be created.
    pub(super) fn acquire(database: &Path) -> Result<Self, OpenError> {
        let path = lock_path(database);
        let failed = |source| OpenError::File { path: path.clone(), source };
        let mut file = owner_only(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: database.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Only for the message above: a full disk must not prevent serving reads.
        let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::debug!(%error, "can't write the process id into the lock file");
        }
        Ok(Self { _file: file })
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!("process {process}"),
        _ => "an unknown process".to_owned(),
    }
}
