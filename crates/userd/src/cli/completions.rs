//! `userd completions`: a script for a shell, made of the command line's own description.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// For which shell.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct CompletionsOptions {
    /// The shell that is to read it
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(options: CompletionsOptions, command: &mut Command) -> ExitCode {
    // Into memory first: `clap_complete` panics where a write fails, and `| head` is no mistake.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, command, "userd", &mut script);
    let _ = io::stdout().lock().write_all(&script);
    ExitCode::SUCCESS
}
