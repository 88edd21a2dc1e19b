//! `userd export`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output::OutputFile;
use super::{EXIT_BROKE_OFF, EXIT_LEFT_OUT, broke_off, progress, say};
use crate::app::{self, MoveError};
use crate::cli::block_on;
use crate::config::Config;
use crate::service::moving::{ExportError, Exported};

/// What is to be written, and where.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportOptions {
    /// Write into this file, which is there only when it is whole; without it, to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
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
        Ok(exported) => tell(&exported),
        // Whoever read it has gone away, and knows.
        Err(MoveError::Export(ExportError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::from(EXIT_BROKE_OFF)
        }
        Err(error) => broke_off("export", &app::chain(&error)),
    }
}

fn into_file(
    config: &Config,
    options: &ExportOptions,
    place: &std::path::Path,
    watch: &(dyn Fn(u64) + Sync),
) -> Result<Exported, MoveError> {
    let mut file = OutputFile::begin(place).map_err(ExportError::Output)?;
    let exported = export(config, options, &mut file, watch)?;
    file.finish().map_err(ExportError::Output)?;
    Ok(exported)
}

fn export(
    config: &Config,
    options: &ExportOptions,
    out: &mut (dyn Write + Send),
    watch: &(dyn Fn(u64) + Sync),
) -> Result<Exported, MoveError> {
    let exporting = app::export(config, options.sessions, out, watch);
    block_on(config, exporting).map_err(|sentence| ExportError::Output(io::Error::other(sentence)))?
}

fn tell(exported: &Exported) -> ExitCode {
    for id in &exported.unreadable {
        say("export", &format!("user {id} can't be read and is missing; run userd doctor"));
    }
    say("export", &format!("{} users written", exported.users));
    if exported.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_LEFT_OUT) }
}
