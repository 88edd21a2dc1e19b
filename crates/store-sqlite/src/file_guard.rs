//! Notices that the database file or its log was deleted, replaced or emptied while it is served.
//!
//! SQLite keeps the file open, so without this userd would go on with a file that has no name any more: every account
//! that it acknowledges would be gone after the next restart. The names are looked up at most once a second, by the
//! request that comes first after it, and by every health check. The file is never opened: on Unix, closing it would
//! drop SQLite's locks.
//!
//! It does not notice contents that were written over in place (`cp` onto the file): see
//! `docs/decisions/0027-store-id.md`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::database_file::log_path;
use super::errors::UnavailableReason;

/// How often the names are looked up, in milliseconds: a lost file is noticed well within 5 seconds.
const CHECK_EVERY_MS: u64 = 1_000;

/// The shortest database: one page of the smallest size.
const DATABASE_BYTES_MIN: u64 = 512;

/// Watches the names of the files that are served.
#[derive(Debug)]
pub(super) struct FileGuard {
    files: Vec<GuardedFile>,
    started: Instant,
    /// When the names are looked up again, in milliseconds since `started`.
    due_ms: AtomicU64,
    is_lost: AtomicBool,
    lost: Mutex<Option<String>>,
}

#[derive(Debug)]
struct GuardedFile {
    path: PathBuf,
    identity: FileIdentity,
    bytes_min: u64,
}

/// Device and inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity(u64, u64);

impl FileGuard {
    /// Watches the open database at `path`, and its log.
    ///
    /// # Errors
    /// The file is already gone.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let database = GuardedFile::of(path.to_owned(), DATABASE_BYTES_MIN)?;
        let log = GuardedFile::of(log_path(path), 0).ok();
        let files = std::iter::once(database).chain(log).collect();
        Ok(Self {
            files,
            started: Instant::now(),
            due_ms: AtomicU64::new(CHECK_EVERY_MS),
            is_lost: AtomicBool::new(false),
            lost: Mutex::new(None),
        })
    }

    /// Looks the names up if that is due.
    ///
    /// # Errors
    /// The files are lost.
    pub(super) fn check_if_due(&self) -> Result<(), UnavailableReason> {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due_ms = self.due_ms.load(Ordering::Relaxed);
        let next_ms = now_ms.saturating_add(CHECK_EVERY_MS);
        let is_due = now_ms >= due_ms
            && self.due_ms.compare_exchange(due_ms, next_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_due { self.check() } else { self.last_result() }
    }

    /// Looks the names up now.
    ///
    /// # Errors
    /// The files are lost.
    pub(super) fn check(&self) -> Result<(), UnavailableReason> {
        let found = self.files.iter().find_map(GuardedFile::damage);
        let mut lost = self.lock();
        // Logged once, by the first check that sees the change.
        match (&found, lost.is_some()) {
            (Some(what), false) => tracing::error!(
                reason = what,
                "the database file is lost: userd answers nothing from it. Put the same file back, and userd continues by \
                 itself; to serve another file, restart userd"
            ),
            (None, true) => tracing::info!("the database file is back"),
            _ => {}
        }
        self.is_lost.store(found.is_some(), Ordering::Relaxed);
        lost.clone_from(&found);
        drop(lost);
        self.last_result()
    }

    fn last_result(&self) -> Result<(), UnavailableReason> {
        if !self.is_lost.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.lock().clone().map_or(Ok(()), |what| Err(UnavailableReason::FileLost(what)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GuardedFile {
    fn of(path: PathBuf, bytes_min: u64) -> io::Result<Self> {
        let identity = identity(&fs::metadata(&path)?);
        Ok(Self { path, identity, bytes_min })
    }

    /// What is wrong with it. An error of the disk is not: SQLite meets the same one.
    fn damage(&self) -> Option<String> {
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(metadata) if identity(&metadata) != self.identity => {
                Some(format!("{path} was replaced by another file"))
            }
            Ok(metadata) if metadata.len() < self.bytes_min => Some(format!("{path} was emptied")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!("{path} was deleted or moved")),
            Ok(_) | Err(_) => None,
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> FileIdentity {
    use std::os::unix::fs::MetadataExt as _;
    FileIdentity(metadata.dev(), metadata.ino())
}

/// Other systems do not let a file be deleted or replaced while it is open.
#[cfg(not(unix))]
fn identity(_metadata: &fs::Metadata) -> FileIdentity {
    FileIdentity(0, 0)
}
