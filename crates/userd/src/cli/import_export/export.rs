//! `userd export`: writes all users of a store.

use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;

use super::output_file::OutputFile;
use super::shutdown_signal::shutdown_signal;
use crate::cli::block_on::block_on;
use crate::cli::command_error::{CommandError, CommandResult, EXIT_FAILED, EXIT_INCOMPLETE};
use crate::cli::console::{self, progress_bar};
use crate::config::{Config, StoreTarget};
use crate::open::{OpenStoreError, open_damaged_store_for_command};
use userd_core::clock::{Clock, SystemClock};
use userd_service::import_export::{ExportError, ExportSummary, UserExporter};
use userd_store::{ExportStore, Store};
use userd_store_sqlite::ReadOnlyDatabase;

/// What to write, and where.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Write into this file, which appears when it is complete; without it, to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long, requires = "output")]
    replace: bool,
    /// Include sessions, so that users stay signed in where the file is imported
    #[arg(long)]
    sessions: bool,
}

impl ExportOptions {
    /// Writes all users.
    pub(crate) fn run(&self, config: &Config) -> CommandResult<ExitCode> {
        let bar = progress_bar(None, "{spinner} {pos} users, {per_sec}");
        let result = if let Some(path) = &self.output {
            export_to_file(config, self, path, &bar)
        } else {
            let mut out = BufWriter::with_capacity(256 * 1024, io::stdout());
            block_on(config, export(config, self.sessions, &mut out, &bar))
        };
        bar.finish_and_clear();
        // Without a summary the reader has closed the pipe.
        Ok(result?.map_or(ExitCode::from(EXIT_FAILED), |summary| report(&summary)))
    }
}

/// Writes into a file. A signal removes the incomplete file; on standard output it ends the process as usual.
fn export_to_file(
    config: &Config,
    options: &ExportOptions,
    path: &Path,
    bar: &ProgressBar,
) -> CommandResult<Option<ExportSummary>> {
    if is_store_file(config, path) {
        let message = format!("{} belongs to the store itself; choose another file", path.display());
        return Err(output_error(io::Error::other(message)));
    }
    block_on(config, async {
        let signal = shutdown_signal();
        let mut file = OutputFile::create(path, options.replace).map_err(output_error)?;
        let summary = tokio::select! {
            summary = export(config, options.sessions, &mut file.file, bar) => summary?,
            () = signal => return Err(output_error(io::Error::other("stopped by a signal; no file is left"))),
        };
        file.finish().map_err(output_error)?;
        Ok(summary)
    })
}

fn output_error(error: io::Error) -> CommandError {
    CommandError::failed(ExportError::Output(error))
}

/// Whether `path` is a file of the SQLite store: the database, its log, its index or its lock.
fn is_store_file(config: &Config, path: &Path) -> bool {
    let StoreTarget::Sqlite { path: database } = &config.store else { return false };
    let (Ok(path), Ok(database)) = (path.canonicalize(), database.canonicalize()) else { return false };
    let suffix = path.as_os_str().as_bytes().strip_prefix(database.as_os_str().as_bytes());
    suffix.is_some_and(|suffix| [&b""[..], b"-wal", b"-shm", b".lock"].contains(&suffix))
}

/// Writes all users of the store that the configuration names; a server may use it meanwhile. `None` if the reader of
/// the output has gone away.
async fn export(
    config: &Config,
    with_sessions: bool,
    out: &mut (dyn Write + Send),
    bar: &ProgressBar,
) -> CommandResult<Option<ExportSummary>> {
    let observer = |users| bar.set_position(users);
    let now = SystemClock.now();
    let result = if let StoreTarget::Sqlite { path } = &config.store {
        let file = Arc::new(ReadOnlyDatabase::open(path, config.sqlite.timeout).map_err(OpenStoreError::from)?);
        let sessions = with_sessions.then(|| Arc::<ReadOnlyDatabase>::clone(&file) as Arc<dyn ExportStore>);
        UserExporter::new(file, sessions).write(out, now, &observer).await
    } else {
        let store = open_damaged_store_for_command(config).await?;
        let sessions = with_sessions.then(|| Arc::<dyn Store>::clone(&store) as Arc<dyn ExportStore>);
        let result = UserExporter::new(Arc::<dyn Store>::clone(&store), sessions).write(out, now, &observer).await;
        store.close().await;
        result
    };
    match result {
        Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        result => result.map(Some).map_err(CommandError::failed),
    }
}

fn report(summary: &ExportSummary) -> ExitCode {
    for id in &summary.unreadable {
        console::report("export", &format!("user {id} can't be read and is missing; run userd doctor"));
    }
    console::report("export", &format!("{} users written", summary.users));
    if summary.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INCOMPLETE) }
}
