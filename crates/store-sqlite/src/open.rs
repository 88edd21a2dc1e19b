//! From a path to a database that may be served: folder, lock, file, connections, in this order.
//!
//! Not what the file has to look like inside: see `schema`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::check::ConsistencyChecker;
use super::errors::OpenError;
use super::lock::ServingLock;
use super::read_pool::ReadPool;
use super::writer::WriterHandle;
use super::{SqliteSettings, SqliteStore, schema};
use userd_metrics::Metrics;

/// How long a look-up waits for another program's lock. With a write-ahead log readers wait for nobody, save
/// while somebody repairs or converts the file; they block a request thread meanwhile, so the wait is short.
const READ_BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// Each of our statements, with room to spare.
const STATEMENTS_MAX: usize = 64;

/// The work of [`SqliteStore::open`].
pub(super) fn open(settings: &SqliteSettings, metrics: &Arc<Metrics>) -> Result<SqliteStore, OpenError> {
    let path = resolve(&settings.path)?;
    let lock = ServingLock::acquire(&path)?;
    create_private(&path)?;
    let engine = |source| OpenError::from_engine(&path, source);
    let mut writing = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, settings.timeout).map_err(engine)?;
    schema::prepare(&mut writing, &path)?;
    schema::configure_writer(&writing, &path)?;
    let mut reading = Vec::new();
    for _ in 0..settings.readers.max(1) {
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY, READ_BUSY_TIMEOUT).map_err(engine)?;
        schema::configure_reader(&connection).map_err(engine)?;
        reading.push(connection);
    }
    let readers = ReadPool::new(reading, Arc::clone(metrics)).map_err(engine)?;
    let examining = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY, READ_BUSY_TIMEOUT).map_err(engine)?;
    schema::configure_reader(&examining).map_err(engine)?;
    let writer = WriterHandle::start(writing, lock, settings, Arc::clone(metrics)).map_err(OpenError::Thread)?;
    let (buckets, events_retention_max) = (Mutex::default(), settings.events_retention_max);
    Ok(SqliteStore { readers, checker: ConsistencyChecker::new(examining), writer, buckets, events_retention_max })
}

/// The one spelling of `path`, so that two links to one file meet at one lock; makes the folder.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    if let Ok(existing) = path.canonicalize() {
        return Ok(existing);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
    create_folder(folder).map_err(failed)?;
    let name = path.file_name().ok_or_else(|| OpenError::File {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"),
    })?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

/// Makes the folder and those above it, and sees to it that they survive a loss of power: without an fsync of
/// the folder above, an acknowledged user could vanish together with the folder that the database is in.
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

/// Makes the file before SQLite does, for this user's eyes only; SQLite gives its log the same mode.
///
/// An existing file is not opened here: closing it again would drop SQLite's locks (see `lock`).
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    if fs::exists(path).map_err(failed)? {
        return Ok(());
    }
    owner_only(OpenOptions::new().write(true).create_new(true)).open(path).map_err(failed)?;
    #[cfg(unix)]
    sync_folder(path.parent()).map_err(failed)?;
    Ok(())
}

/// `options`, so that a file it makes can be read and written by its owner only.
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A connection without SQLite's own mutex (each is owned by one thread or lies in a `Mutex`) and without
/// URI names (a path is a path).
pub(super) fn connect(path: &Path, access: OpenFlags, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}
