//! `userd completions`: a completion script for a shell, generated from the command line's own description.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::console::print;

/// The shell.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct CompletionsOptions {
    /// The shell that reads the script
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(options: CompletionsOptions, command: &mut Command) -> ExitCode {
    // Into memory first: `clap_complete` panics if a write fails, and a reader that has gone away (`| head`) is no
    // error.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, command, "userd", &mut script);
    print(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}
