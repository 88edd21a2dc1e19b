//! A database file opened read-only, which another process may be serving. It takes no serving lock, creates no file
//! and upgrades no schema. SQLite's own locks keep partial changes invisible.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::check::ConsistencyChecker;
use super::connection::connect_reader;
use super::database_file::ensure_one_name;
use super::errors::OpenError;
use super::read_pool::ReadPool;
use super::{log_marker, schema};
use userd_core::Timestamp;
use userd_store::{CheckBatch, CheckReport, ConsistencyCheck, StoreError};

/// A database opened read-only.
#[derive(Debug)]
pub struct ReadOnlyDatabase {
    checker: ConsistencyChecker,
    pub(super) readers: ReadPool,
}

impl ReadOnlyDatabase {
    /// Opens the database at `path`, which has to exist.
    ///
    /// # Errors
    /// What is wrong and how to fix it.
    pub fn open(path: &Path, timeout: Duration) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::NotFound(path.to_owned()));
        }
        ensure_one_name(path)?;
        let engine = |source| OpenError::from_engine(path, source);
        let connection = connect_reader(path, timeout).map_err(engine)?;
        schema::check_known(&connection, path)?;
        log_marker::ensure_log(&connection, path)?;
        let reading = connect_reader(path, timeout).map_err(engine)?;
        let readers = ReadPool::new(vec![reading], None, Arc::default()).map_err(engine)?;
        Ok(Self { checker: ConsistencyChecker::new(connection), readers })
    }
}

#[async_trait]
impl ConsistencyCheck for ReadOnlyDatabase {
    /// Reports only: a repair needs the store to be opened for serving.
    async fn check_batch(&self, batch: &CheckBatch, _now: Timestamp) -> Result<CheckReport, StoreError> {
        self.checker.check_batch(batch).await
    }
}
