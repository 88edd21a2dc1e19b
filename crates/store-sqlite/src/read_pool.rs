//! The read-only connections and the look-ups on them.
//!
//! A look-up takes the first free connection, in round-robin order, and waits only if none is free. With a write-ahead
//! log it sees the last commit, and neither waits for the writer nor delays it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::errors::{DatabaseError, UnavailableReason};
use super::file_guard::FileGuard;
use super::sql::LOOKUPS;
use userd_metrics::Metrics;
use userd_store::StoreError;

/// Read-only connections, until [`ReadPool::close`].
#[derive(Debug)]
pub(super) struct ReadPool {
    connections: Vec<Mutex<Option<Connection>>>,
    next: AtomicUsize,
    guard: Option<Arc<FileGuard>>,
    metrics: Arc<Metrics>,
}

impl ReadPool {
    /// A pool of `connections`, at least one, to the file that `guard` watches.
    ///
    /// # Errors
    /// If the tables do not match the look-ups.
    pub(super) fn new(
        connections: Vec<Connection>,
        guard: Option<Arc<FileGuard>>,
        metrics: Arc<Metrics>,
    ) -> rusqlite::Result<Self> {
        for connection in &connections {
            for sql in LOOKUPS {
                connection.prepare_cached(sql)?;
            }
        }
        let connections = connections.into_iter().map(|connection| Mutex::new(Some(connection))).collect();
        Ok(Self { connections, next: AtomicUsize::new(0), guard, metrics })
    }

    /// Closes every connection, after the look-up that uses it.
    pub(super) fn close(&self) {
        for connection in &self.connections {
            drop(lock(connection).take());
        }
    }

    /// Runs `look` on the first free connection.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Connection) -> Result<T, DatabaseError>) -> Result<T, StoreError> {
        self.metrics.stores.sqlite_reads.inc();
        if let Some(guard) = &self.guard {
            guard.check_if_due().map_err(UnavailableReason::into_store_error)?;
        }
        let guard = self.free();
        let connection = guard.as_ref().ok_or_else(|| UnavailableReason::Closed.into_store_error())?;
        look(connection).map_err(DatabaseError::into_store_error)
    }

    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        let (before, after) =
            self.connections.split_at(self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len());
        let mut in_turn = after.iter().chain(before);
        in_turn.find_map(|connection| connection.try_lock().ok()).unwrap_or_else(|| lock(&after[0]))
    }
}

/// A panic leaves nothing inconsistent in a read-only connection.
fn lock(connection: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
