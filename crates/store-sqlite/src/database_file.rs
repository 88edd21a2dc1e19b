//! The database file and its folder: path, permissions, durability of their creation, and one serving process for each.
//!
//! SQLite itself would allow a second writer, which would be slower, and whose changes the first one's caches would
//! miss. The lock is the operating system's (`flock` on Unix): it ends with the process, also after `kill -9`, so there
//! is nothing to clean up. It is a file of its own, because on Unix closing *any* handle of the database file drops the
//! locks that SQLite holds on it.
//!
//! Lock and log are found by the file's name. Symbolic links are resolved; a file with a second hard link is rejected.
//!
//! It does not protect against two machines that share a disk, nor against SQLite's own tools, which may read.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::errors::OpenError;

/// The canonical form of `path`, so that two links to one file have one lock; creates the folder.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    if let Ok(existing) = path.canonicalize() {
        return Ok(existing);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |source| OpenError::Folder(folder.to_owned(), source);
    create_folder(folder).map_err(failed)?;
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name");
    let name = path.file_name().ok_or_else(|| OpenError::File(path.to_owned(), no_name()))?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

/// Creates the folder and its missing parents, and syncs them: without an fsync of the parent, a loss of power could
/// drop the folder with the database and its acknowledged users.
fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    for path in missing {
        sync_folder(path.parent())?;
    }
    Ok(())
}

#[cfg(unix)]
pub(super) fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let folder = folder.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: Option<&Path>) -> io::Result<()> {
    Ok(())
}

/// Creates the file before SQLite does, readable by its owner only; SQLite gives its log the same mode.
///
/// An existing file is not opened here: closing it would drop SQLite's locks (see above).
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File(path.to_owned(), source);
    if fs::exists(path).map_err(failed)? {
        return Ok(());
    }
    owner_only(OpenOptions::new().write(true).create_new(true)).open(path).map_err(failed)?;
    #[cfg(unix)]
    sync_folder(path.parent()).map_err(failed)?;
    Ok(())
}

/// `options` that create files readable and writable by their owner only.
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Rejects a file with more than one name. Lock and log are found by name, so a process that opened it by another one
/// would have a lock and a log of its own, and each would overwrite what the other acknowledged. A link that is made
/// while the file is served is noticed when the file is opened the next time.
///
/// # Errors
/// [`OpenError::HardLinked`].
#[cfg(unix)]
pub(super) fn ensure_one_name(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::MetadataExt;
    let file = fs::metadata(path).map_err(|source| OpenError::File(path.to_owned(), source))?;
    if file.nlink() > 1 {
        return Err(OpenError::HardLinked { path: path.to_owned(), names: file.nlink() });
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn ensure_one_name(_path: &Path) -> Result<(), OpenError> {
    Ok(())
}

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
        let failed = |source| OpenError::File(path.clone(), source);
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

/// The path of the write-ahead log of a database.
pub(super) fn log_path(database: &Path) -> PathBuf {
    with_suffix(database, "-wal")
}

fn lock_path(database: &Path) -> PathBuf {
    with_suffix(database, SUFFIX)
}

/// The path of a file next to the database.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!("process {process}"),
        _ => "an unknown process".to_owned(),
    }
}
