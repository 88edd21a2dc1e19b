//! The embedded store: accounts in one SQLite database file, for one serving process.
//!
//! It is no server and not shared: a second serving process is rejected (see `database_file`). SQLite's own tools may
//! read and back up the file while it is served.
//!
//! | module | what it is for |
//! |---|---|
//! | **opening** | |
//! | `settings` | what a store is opened with |
//! | `database_file` | the file and its folder; one serving process per file |
//! | `file_guard` | whether the file is still the one that is served |
//! | `connection` | connections and SQLite's settings |
//! | `log_marker` | knowing a file that was copied without its log |
//! | `tables`, `schema` | the tables, the checks of a file, upgrades of older schemas |
//! | `read_only` | the file while another process serves it, read-only |
//! | `backup` | backup and restore |
//! | **rows** | |
//! | `sql` | the look-up statements |
//! | `rows`, `session_rows`, `key_rows` | validating and writing rows |
//! | `checksum` | the checksum of a row |
//! | `events` | account events |
//! | **reading and writing** | |
//! | `read_pool` | the read-only connections |
//! | `writer` | the writer thread and group commit |
//! | `writes` | changes of users |
//! | **the contract** | |
//! | `store`, `sessions`, `listing`, `service_keys`, `import_export` | the traits of `userd-store` |
//! | `rate_limit`, `rate_limit_buckets` | rate limits, in memory |
//! | `sweep` | deleting what has ended |
//! | `check`, `check_sessions` | the consistency check |
//! | `errors` | what can go wrong |
//!
//! The design, with figures: `docs/decisions/0004-sqlite-embedded-store.md`.
//!
//! # How to add a kind of change
//! A method in `store` that passes the change to `SqliteStore::write`, which runs it in the writer's transaction and a
//! savepoint of its own; and a test in `crates/store/src/conformance`.

mod backup;
mod check;
mod check_sessions;
mod checksum;
mod connection;
mod database_file;
mod errors;
mod events;
mod file_guard;
mod import_export;
mod key_rows;
mod listing;
mod log_marker;
mod rate_limit;
mod rate_limit_buckets;
mod read_only;
mod read_pool;
mod rows;
mod schema;
mod service_keys;
mod session_rows;
mod sessions;
mod settings;
mod sql;
mod store;
mod sweep;
mod tables;
mod writer;
mod writes;

#[cfg(test)]
mod tests;

pub use self::backup::{BackupError, BackupSummary, RestoreConsent, backup, restore};
pub use self::errors::OpenError;
pub use self::read_only::ReadOnlyDatabase;
pub use self::service_keys::OfflineKeyStore;
pub use self::settings::SqliteSettings;
pub use self::store::SqliteStore;
pub use self::sweep::{SweepPosition, SweepSummary};
