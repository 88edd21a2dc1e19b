//! `userd export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::output_file::{OutputFile, refused};
use super::{EXIT_ABORTED, EXIT_INCOMPLETE, aborted, print_error, progress, shutdown_signal};
use crate::app::{self, ImportExportError};
use crate::cli::block_on;
use crate::config::{Config, StoreTarget};
use userd_service::import_export::{ExportError, ExportSummary};

/// What is to be written, and where.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportOptions {
    /// Write into this file, which is there only when it is whole; without it, to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file of this name
    #[arg(long, requires = "output")]
    replace: bool,
    /// Write sessions, too, so that whoever is signed in stays so where the file is imported
    #[arg(long)]
    sessions: bool,
}

/// Writes all users.
pub(in crate::cli) fn run(config: &Config, options: &ExportOptions) -> ExitCode {
    let bar = progress(None, "{spinner} {pos} users, {per_sec}");
    let watch = |users| bar.set_position(users);
    let written = if let Some(place) = &options.output {
        into_file(config, options, place, &watch)
    } else {
        let mut out = BufWriter::with_capacity(256 * 1024, io::stdout());
        export(config, options, &mut out, &watch)
    };
    bar.finish_and_clear();
    match written {
        Ok(exported) => report(&exported),
        // Whoever read it has gone away, and knows.
        Err(ImportExportError::Export(ExportError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::from(EXIT_ABORTED)
        }
        Err(error) => aborted("export", &app::chain(&error)),
    }
}

/// Whoever stops it leaves nothing of the file; without a file a signal ends the process as it always does.
fn into_file(
    config: &Config,
    options: &ExportOptions,
    place: &Path,
    watch: &(dyn Fn(u64) + Sync),
) -> Result<ExportSummary, ImportExportError> {
    if is_store_file(config, place) {
        let sentence = format!("{} belongs to the store itself; choose another file", place.display());
        return Err(ExportError::Output(refused(sentence)).into());
    }
    let work = async {
        let stopped = shutdown_signal();
        let mut file = OutputFile::begin(place, options.replace).map_err(ExportError::Output)?;
        let exported = tokio::select! {
            exported = app::export(config, options.sessions, &mut file, watch) => exported?,
            () = stopped => return Err(ExportError::Output(refused("told to stop; no file is left".to_owned())).into()),
        };
        file.finish().map_err(ExportError::Output)?;
        Ok(exported)
    };
    block_on(config, work).map_err(|sentence| ExportError::Output(io::Error::other(sentence)))?
}

/// Whether the embedded store keeps something at `place`: the users, its log, its index, its lock.
fn is_store_file(config: &Config, place: &Path) -> bool {
    let StoreTarget::Sqlite { path } = &config.store else { return false };
    let (Ok(place), Ok(path)) = (place.canonicalize(), path.canonicalize()) else { return false };
    ["", "-wal", "-shm", ".lock"].iter().any(|suffix| {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        place == Path::new(&name)
    })
}

fn export(
    config: &Config,
    options: &ExportOptions,
    out: &mut (dyn Write + Send),
    watch: &(dyn Fn(u64) + Sync),
) -> Result<ExportSummary, ImportExportError> {
    let exporting = app::export(config, options.sessions, out, watch);
    block_on(config, exporting).map_err(|sentence| ExportError::Output(io::Error::other(sentence)))?
}

fn report(exported: &ExportSummary) -> ExitCode {
    for id in &exported.unreadable {
        print_error("export", &format!("user {id} can't be read and is missing; run userd doctor"));
    }
    print_error("export", &format!("{} users written", exported.users));
    if exported.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INCOMPLETE) }
}
