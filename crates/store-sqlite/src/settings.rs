//! [`SqliteSettings`].

use std::path::PathBuf;
use std::time::Duration;

/// Settings of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file. It and its folder are created if they do not exist, readable by their owner only.
    pub path: PathBuf,
    /// The number of read-only connections, at least one. More than there are request threads are never used, and each
    /// costs up to 8 MiB of page cache.
    pub readers: usize,
    /// Time limit of a change, and of the wait for another program's lock.
    pub timeout: Duration,
    /// Limit of the changes in the writer's queue, at least one. More are rejected at once.
    pub queue: usize,
    /// Limit of the stored events of all users, at least one. The oldest are deleted first.
    pub events_retention_max: u64,
}
