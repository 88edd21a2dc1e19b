//! `userd export`: writes all users of a store.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::output_file::{OutputFile, refused};
use super::shutdown_signal::shutdown_signal;
use crate::cli::block_on::block_on;
use crate::cli::command_error::{CommandError, CommandResult, EXIT_FAILED, EXIT_INCOMPLETE};
use crate::cli::console::{self, progress_bar};
use crate::config::{Config, StoreTarget};
use crate::open::{OpenStoreError, open_store_for_command};
use userd_core::clock::{Clock, SystemClock};
use userd_core::random::SystemRandom;
use userd_service::import_export::{ExportError, ExportSummary, UserExporter};
use userd_store::{ExportStore, Store, UserListing};
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

/// Receives the number of users written so far.
type ProgressObserver<'a> = &'a (dyn Fn(u64) + Sync);

/// Writes all users.
pub(crate) fn run(config: &Config, options: &ExportOptions) -> CommandResult<ExitCode> {
    let bar = progress_bar(None, "{spinner} {pos} users, {per_sec}");
    let observer = |users| bar.set_position(users);
    let result = if let Some(path) = &options.output {
        export_to_file(config, options, path, &observer)
    } else {
        let mut out = BufWriter::with_capacity(256 * 1024, io::stdout());
        block_on(config, export(config, options.sessions, &mut out, &observer))
    };
    bar.finish_and_clear();
    // Without a summary the reader has closed the pipe.
    Ok(result?.map_or(ExitCode::from(EXIT_FAILED), |summary| report(&summary)))
}

/// Writes into a file. A signal removes the incomplete file; on standard output it ends the process as usual.
fn export_to_file(
    config: &Config,
    options: &ExportOptions,
    path: &Path,
    observer: ProgressObserver<'_>,
) -> CommandResult<Option<ExportSummary>> {
    if is_store_file(config, path) {
        let message = format!("{} belongs to the store itself; choose another file", path.display());
        return Err(output_error(refused(message)));
    }
    block_on(config, async {
        let signal = shutdown_signal();
        let mut file = OutputFile::create(path, options.replace).map_err(output_error)?;
        let summary = tokio::select! {
            summary = export(config, options.sessions, &mut file, observer) => summary?,
            () = signal => return Err(output_error(refused("stopped by a signal; no file is left".to_owned()))),
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
    ["", "-wal", "-shm", ".lock"].iter().any(|suffix| {
        let mut name = database.clone().into_os_string();
        name.push(suffix);
        path == Path::new(&name)
    })
}

/// Writes all users of the store that the configuration names; a server may use it meanwhile. `None` if the reader of
/// the output has gone away.
async fn export(
    config: &Config,
    with_sessions: bool,
    out: &mut (dyn Write + Send),
    observer: ProgressObserver<'_>,
) -> CommandResult<Option<ExportSummary>> {
    let now = SystemClock.now();
    let result = if let StoreTarget::Sqlite { path } = &config.store {
        let file = ReadOnlyDatabase::open(path, config.sqlite.timeout).map_err(OpenStoreError::from);
        let file = Arc::new(file.map_err(CommandError::failed)?);
        let sessions = with_sessions.then(|| Arc::<ReadOnlyDatabase>::clone(&file) as Arc<dyn ExportStore>);
        UserExporter::new(file, sessions).write(out, now, observer).await
    } else {
        let store = open_store_for_command(config, Arc::new(SystemRandom)).await.map_err(CommandError::failed)?;
        let sessions = with_sessions.then(|| Arc::<dyn Store>::clone(&store) as Arc<dyn ExportStore>);
        let users: Arc<dyn UserListing> = Arc::<dyn Store>::clone(&store);
        let result = UserExporter::new(users, sessions).write(out, now, observer).await;
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
