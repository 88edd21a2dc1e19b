//! `userd backup` and `userd restore`: the SQLite file as one copy, and back.
//!
//! For a Redis both refuse and name the page on its own tools.

use std::path::{Path, PathBuf};

use clap::Args;

use super::command_error::{CommandError, CommandResult};
use super::console;
use crate::config::{Config, StoreTarget};
use userd_store_sqlite::RestoreConsent;

/// The file to write.
#[derive(Debug, Args)]
pub(super) struct BackupOptions {
    /// The file to create; it appears when it is complete and synced to disk
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    replace: bool,
}

/// The file to restore.
#[derive(Debug, Args)]
pub(super) struct RestoreOptions {
    /// A file that `userd backup` created
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace an existing database, and keep it as `<database>.before-restore-1`
    #[arg(long)]
    replace: bool,
    /// Restore a database that was copied without its log; the changes in the log are lost
    #[arg(long)]
    accept_missing_log: bool,
}

impl BackupOptions {
    /// Copies the database of the configuration.
    pub(super) fn run(&self, config: &Config) -> CommandResult {
        let copy = userd_store_sqlite::backup(sqlite_path(config)?, &self.file, self.replace, config.sqlite.timeout)
            .map_err(CommandError::failed)?;
        console::print(&format!("{}: {} users, {} bytes\n", self.file.display(), copy.users, copy.bytes));
        Ok(())
    }
}

impl RestoreOptions {
    /// Replaces the database of the configuration by a copy.
    pub(super) fn run(&self, config: &Config) -> CommandResult {
        let database = sqlite_path(config)?;
        let accepted = RestoreConsent { replace: self.replace, missing_log: self.accept_missing_log };
        let copy = userd_store_sqlite::restore(&self.file, database, accepted, config.sqlite.timeout)
            .map_err(CommandError::failed)?;
        let kept = copy.previous.map(|kept| format!("; the previous database is now {}", kept.display()));
        console::print(&format!("{}: {} users{}\n", database.display(), copy.users, kept.unwrap_or_default()));
        Ok(())
    }
}

/// The database file. A Redis is an error.
fn sqlite_path(config: &Config) -> CommandResult<&Path> {
    match &config.store {
        StoreTarget::Sqlite { path } => Ok(path),
        StoreTarget::Redis(_) => Err(CommandError::InvalidInput(
            "the store is a Redis: back up and restore its own snapshots or append-only files \
             (docs/operations/backup.md)"
                .to_owned(),
        )),
    }
}
