//! `userd backup` and `userd restore`: the SQLite file as one copy, and back.
//!
//! For a Redis both refuse and name the page on its own tools.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::console;
use super::exit_code::{EXIT_FAILED, EXIT_USAGE};
use crate::config::{Config, StoreTarget};
use userd_core::error_chain;
use userd_store_sqlite::{BackupError, BackupSummary};

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
}

/// Copies the database of the configuration.
pub(super) fn backup(config: &Config, options: &BackupOptions) -> ExitCode {
    let database = match sqlite_path(config, "backup") {
        Ok(database) => database,
        Err(code) => return code,
    };
    let result = userd_store_sqlite::backup(database, &options.file, options.replace, config.sqlite.timeout);
    finish("backup", result, |copy| format!("{}: {} users, {} bytes\n", options.file.display(), copy.users, copy.bytes))
}

/// Replaces the database of the configuration by a copy.
pub(super) fn restore(config: &Config, options: &RestoreOptions) -> ExitCode {
    let database = match sqlite_path(config, "restore") {
        Ok(database) => database,
        Err(code) => return code,
    };
    let result = userd_store_sqlite::restore(&options.file, database, options.replace, config.sqlite.timeout);
    finish("restore", result, |copy| {
        let kept = copy.previous.as_ref().map(|kept| format!("; the previous database is now {}", kept.display()));
        format!("{}: {} users{}\n", database.display(), copy.users, kept.unwrap_or_default())
    })
}

/// The database file; or, for a Redis, a message and the exit code.
fn sqlite_path<'c>(config: &'c Config, command: &str) -> Result<&'c Path, ExitCode> {
    match &config.store {
        StoreTarget::Sqlite { path } => Ok(path),
        StoreTarget::Redis(_) => Err(console::fail(
            command,
            "the store is a Redis: back up and restore its own snapshots or append-only files \
             (docs/operations/backup.md)",
            EXIT_USAGE,
        )),
    }
}

fn finish(
    command: &str,
    result: Result<BackupSummary, BackupError>,
    summary: impl Fn(&BackupSummary) -> String,
) -> ExitCode {
    match result {
        Ok(copy) => {
            console::print(&summary(&copy));
            ExitCode::SUCCESS
        }
        Err(error) => console::fail(command, &error_chain(&error), EXIT_FAILED),
    }
}
