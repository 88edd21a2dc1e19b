//! [`SqliteSettings`].

use std::path::PathBuf;
use std::time::Duration;

/// Where the database lies and how much may wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file. It and its folder are made if they are not there, for this user's eyes only.
    pub path: PathBuf,
    /// How many read-only connections; at least one is opened. More than there are request threads are
    /// never used, and each costs up to 8 MiB of page cache.
    pub readers: usize,
    /// How long a change may wait for its answer, and how long another program's lock is waited for.
    pub timeout: Duration,
    /// How many changes may wait for the writer; at least one. Those beyond are refused at once.
    pub queue: usize,
    /// How many events are kept, of all users together; at least one. The oldest go first.
    pub events_retention_max: u64,
}
