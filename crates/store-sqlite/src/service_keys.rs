//! The service's keys, as the contract defines them: in the served database, and in a file that another process may be
//! serving, for the command line. The rows are in `key_rows`.
//!
//! [`OfflineKeyStore`] does not hold the serving lock while it works. SQLite's own locks serialise the changes, and the
//! serving process sees a change when it reads the keys the next time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::connection::{configure_writer, connect};
use super::database_file::{ServingLock, create_private, ensure_one_name, resolve};
use super::errors::{DatabaseError, OpenError};
use super::store::SqliteStore;
use super::{key_rows, log_marker, schema};
use userd_store::{KeyKind, KeyStore, StoreError, StoredKey};

/// The keys in a database file.
#[derive(Debug, Clone)]
pub struct OfflineKeyStore {
    connection: Arc<Mutex<Connection>>,
}

impl OfflineKeyStore {
    /// Opens the database at `path`, served or not. A missing file is created, and one of an older schema upgraded,
    /// which needs the serving lock. `timeout` limits the wait for another program's lock.
    ///
    /// # Errors
    /// What is wrong and how to fix it; [`OpenError::InUse`] if the file has to be created or upgraded while another
    /// process holds the serving lock.
    pub fn open(path: &Path, timeout: Duration) -> Result<Self, OpenError> {
        let path = resolve(path)?;
        if path.exists() {
            ensure_one_name(&path)?;
        }
        let known =
            path.exists().then(|| writing(&path, timeout).and_then(|found| check(&found, &path).map(|()| found)));
        let connection = match known {
            Some(Err(OpenError::Older { .. } | OpenError::Foreign { application_id: 0, .. })) | None => {
                let lock = ServingLock::acquire(&path)?;
                create_private(&path)?;
                let mut connection = writing(&path, timeout)?;
                schema::prepare(&mut connection, &path)?;
                log_marker::ensure_log(&connection, &path)?;
                configure_writer(&connection, &path)?;
                drop(lock);
                connection
            }
            Some(known) => known?,
        };
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// On a blocking thread: a change may have to wait for the lock of the serving process.
    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            // A panic leaves no transaction behind: it is rolled back when dropped.
            act(&mut connection.lock().unwrap_or_else(PoisonError::into_inner)).map_err(DatabaseError::into_store_error)
        });
        done.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }
}

fn writing(path: &Path, timeout: Duration) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, timeout).map_err(|source| OpenError::from_engine(path, source))
}

/// Checks that the file is a userd database, of the present schema and unaltered.
fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    schema::check_known(connection, path)?;
    schema::check_definitions(connection, path)?;
    log_marker::ensure_log(connection, path)?;
    configure_writer(connection, path)?;
    // After a crash between two steps of a checkpoint the mark is in the log, which closing this connection deletes.
    log_marker::clear(connection).map_err(|source| OpenError::from_engine(path, source))
}

#[async_trait]
impl KeyStore for OfflineKeyStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.run(move |connection| key_rows::keys(connection, kind)).await
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        let replace = key_rows::replacement(kind, id, expected, next);
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = replace(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.readers.read(|connection| key_rows::keys(connection, kind))
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.write(key_rows::replacement(kind, id, expected, next)).await
    }
}
