//! `userd backup` and `userd restore`: the embedded store as one file, and back. What a Redis needs instead is said in
//! words; its own tools are better at it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::EXIT_USAGE;
use crate::app;
use crate::config::{Config, StoreTarget};
use userd_store_sqlite::{BackupError, BackupSummary};

/// It could not be done; the sentence says why.
const EXIT_FAILED: u8 = 1;

/// Where the copy goes.
#[derive(Debug, Args)]
pub(super) struct BackupOptions {
    /// The file to be made; it appears when it is whole and on the disk
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a file of this name
    #[arg(long)]
    replace: bool,
}

/// What is put back.
#[derive(Debug, Args)]
pub(super) struct RestoreOptions {
    /// A file that `userd backup` made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the place of a database that is there; it is kept beside, as `<database>.before-restore-1`
    #[arg(long)]
    replace: bool,
}

/// Copies the store of the configuration.
pub(super) fn backup(config: &Config, options: &BackupOptions) -> ExitCode {
    let Some(database) = sqlite_path(config, "backup") else { return ExitCode::from(EXIT_USAGE) };
    let done = userd_store_sqlite::backup(database, &options.file, options.replace, config.sqlite.timeout);
    report("backup", done, |copied| {
        format!("{}: {} users, {} bytes\n", options.file.display(), copied.users, copied.bytes)
    })
}

/// Puts a copy in the place of the store of the configuration.
pub(super) fn restore(config: &Config, options: &RestoreOptions) -> ExitCode {
    let Some(database) = sqlite_path(config, "restore") else { return ExitCode::from(EXIT_USAGE) };
    let done = userd_store_sqlite::restore(&options.file, database, options.replace, config.sqlite.timeout);
    report("restore", done, |copied| {
        let kept = copied.previous.as_ref().map(|kept| format!("; what was there is now {}", kept.display()));
        format!("{}: {} users{}\n", database.display(), copied.users, kept.unwrap_or_default())
    })
}

/// The file of users, or a sentence on what is done without one.
fn sqlite_path<'c>(config: &'c Config, command: &str) -> Option<&'c Path> {
    match &config.store {
        StoreTarget::Sqlite { path } => Some(path),
        StoreTarget::Redis(_) => {
            print_error(&format!(
                "userd {command}: a Redis is not a file of userd's: copy and put back its own snapshots or append-only \
                 files (docs/operations/backup.md)\n"
            ));
            None
        }
    }
}

fn report(
    command: &str,
    done: Result<BackupSummary, BackupError>,
    words: impl Fn(&BackupSummary) -> String,
) -> ExitCode {
    match done {
        Ok(copied) => {
            // It was done, whether or not anybody reads it.
            let _ = io::stdout().lock().write_all(words(&copied).as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            print_error(&format!("userd {command}: {}\n", app::chain(&error)));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn print_error(text: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
