//! Opening the store: folder, lock, file, connections, in this order.
//!
//! Not what the file has to contain: see `schema`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::OpenFlags;

use super::check::ConsistencyChecker;
use super::connection::{configure_reader, configure_writer, connect};
use super::database_file::{create_private, resolve};
use super::errors::OpenError;
use super::lock::ServingLock;
use super::read_pool::ReadPool;
use super::schema;
use super::settings::SqliteSettings;
use super::store::SqliteStore;
use super::writer::WriterHandle;
use userd_metrics::Metrics;

/// How long a look-up waits for another program's lock. With a write-ahead log readers wait only while another program
/// repairs or converts the file. The wait blocks a request thread, so it is short.
const READ_BUSY_TIMEOUT: Duration = Duration::from_millis(100);

impl SqliteStore {
    /// Opens the database that `settings` names, or creates it.
    ///
    /// Blocks for some milliseconds, longer if another program has locked the file.
    ///
    /// # Errors
    /// What is wrong and how to fix it.
    pub fn open(settings: &SqliteSettings) -> Result<Self, OpenError> {
        Self::open_with_metrics(settings, &Arc::default())
    }

    /// The same, with metrics of look-ups and commits.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_metrics(settings: &SqliteSettings, metrics: &Arc<Metrics>) -> Result<Self, OpenError> {
        open(settings, metrics)
    }
}

fn open(settings: &SqliteSettings, metrics: &Arc<Metrics>) -> Result<SqliteStore, OpenError> {
    let path = resolve(&settings.path)?;
    let lock = ServingLock::acquire(&path)?;
    create_private(&path)?;
    let engine = |source| OpenError::from_engine(&path, source);
    let mut writing = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, settings.timeout).map_err(engine)?;
    schema::prepare(&mut writing, &path)?;
    configure_writer(&writing, &path)?;
    let mut reading = Vec::new();
    for _ in 0..settings.readers.max(1) {
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY, READ_BUSY_TIMEOUT).map_err(engine)?;
        configure_reader(&connection).map_err(engine)?;
        reading.push(connection);
    }
    let readers = ReadPool::new(reading, Arc::clone(metrics)).map_err(engine)?;
    let checking = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY, READ_BUSY_TIMEOUT).map_err(engine)?;
    configure_reader(&checking).map_err(engine)?;
    let writer = WriterHandle::start(writing, lock, settings, Arc::clone(metrics)).map_err(OpenError::Thread)?;
    let (buckets, events_retention_max) = (Mutex::default(), settings.events_retention_max);
    Ok(SqliteStore { readers, checker: ConsistencyChecker::new(checking), writer, buckets, events_retention_max })
}
