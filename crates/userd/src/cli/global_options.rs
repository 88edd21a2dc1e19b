//! The configuration that results from the options of all commands.

use std::process::{ExitCode, Termination};

use super::command_error::{CommandResult, EXIT_USAGE};
use super::console;
use crate::config::{CliFlags, Config, ConfigSources};

/// Loads the configuration and runs `command` with it; the message of its error begins with `program`. An invalid
/// configuration is reported, one line per mistake, and runs nothing.
pub(super) fn run_command<T: Termination>(
    program: &str,
    flags: CliFlags,
    command: impl FnOnce(&Config) -> CommandResult<T>,
) -> ExitCode {
    match Config::load(&ConfigSources::from_process(flags)) {
        Ok(config) => console::finish(program, command(&config)),
        Err(error) => {
            let count = error.issues.len();
            let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
            console::note(&format!("userd: {mistakes} in the configuration, nothing was started\n{error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}
