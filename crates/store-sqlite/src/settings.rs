//! [`SqliteSettings`].

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use userd_core::settings;

/// The SQLite store: section `[sqlite]`, and the path of the database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteSettings {
    /// The database file. It and its folder are created if they do not exist, readable by their owner only.
    #[serde(skip)]
    pub path: PathBuf,
    /// The number of read-only connections, at least one. More than there are request threads are never used, and each
    /// costs up to 8 MiB of page cache. In the configuration, 0 is as many as `workers`.
    #[schemars(range(min = 0, max = 1024))]
    pub readers: usize,
    /// Time-out of a store call, and of waiting for another program's lock, in milliseconds.
    #[serde(rename = "timeout_ms", deserialize_with = "settings::millis")]
    #[schemars(with = "u32", range(min = 1, max = 60_000))]
    pub timeout: Duration,
    /// Changes that can wait for the single writer; more are rejected at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue: usize,
    /// Limit of the stored events of all users, at least one. The oldest are deleted first.
    #[serde(skip)]
    pub events_retention_max: u64,
}
