//! Users in one SQLite database file, for one serving process: the store that needs nothing beside it.
//!
//! Not a server and not shared: a second serving process is refused (see `lock`); SQLite's own tools may
//! read and back up the file while it is served.
//!
//! | module | what it is |
//! |---|---|
//! | `open` | from a path to a database that may be served: folder, lock, file, connections |
//! | `schema` | the tables, and what is checked before a file is taken for ours |
//! | `lock` | one serving process a file |
//! | `writer` | the one thread that writes, and how changes share a commit |
//! | `writes` | each change of users as SQL, inside the writer's transaction |
//! | `session_writes` | each change of sessions, in the same way |
//! | `events` | what is written into a history beside a change, and reading it |
//! | `read_pool` | the read-only connections and the look-ups |
//! | `listing` | reading many users, in pages |
//! | `rows` | from a row to a user, trusting nothing |
//! | `session_rows` | from a row to a session and back |
//! | `sessions` | sessions and histories, as the contract wants them |
//! | `service_keys` | the service's keys |
//! | `offline_keys` | changes of keys in a file that another process serves |
//! | `rate_limit_buckets`, `rate_limit` | counting tries, in memory |
//! | `import_export` | users who come in and go out |
//! | `check` | the doctor: the file, the rows, the count |
//! | `check_sessions` | the doctor on what hangs on users |
//! | `read_only` | a look at a file that another process serves |
//! | `backup` | a copy of the file while it is served, and putting one back |
//! | `checksum` | what tells a damaged row from a written one |
//! | `migrate` | from an older schema to the present one |
//! | `errors` | what went wrong, in sentences |
//!
//! Why it is built so, with figures: `docs/decisions/0004-sqlite-embedded-store.md`.
//!
//! # How to add a kind of change
//! One function in `writes` that takes the writer's connection, one method here that hands it to
//! `SqliteStore::write`, one promise in `tests/it/conformance`.

mod backup;
mod check;
mod check_sessions;
mod checksum;
mod connection;
mod database_file;
mod errors;
mod events;
mod findings;
mod import_export;
mod key_rows;
mod listing;
mod lock;
mod migrate;
mod offline_keys;
mod open;
mod rate_limit;
mod rate_limit_buckets;
mod read_only;
mod read_pool;
mod rows;
mod schema;
mod service_keys;
mod session_rows;
mod session_writes;
mod sessions;
mod settings;
mod sql;
mod store;
mod tables;
mod writer;
mod writes;

#[cfg(test)]
mod tests;

pub use self::backup::{BackupError, BackupSummary, backup, restore};
pub use self::errors::OpenError;
pub use self::offline_keys::OfflineKeyStore;
pub use self::read_only::ReadOnlyDatabase;
pub use self::settings::SqliteSettings;
pub use self::store::SqliteStore;
