//! The configuration that results from the options of all commands.

use std::process::{ExitCode, Termination};

use super::command_error::{CommandResult, EXIT_USAGE};
use super::console;
use crate::config::{CliFlags, Config, ConfigError, ConfigSources};

/// Loads the configuration and runs `command` with it. An invalid configuration is reported and runs nothing.
pub(super) fn with_config(flags: CliFlags, command: impl FnOnce(&Config) -> ExitCode) -> ExitCode {
    match Config::load(&ConfigSources::from_process(flags)) {
        Ok(config) => command(&config),
        Err(error) => report_config_error(&error),
    }
}

/// As [`with_config`], with a command that can fail. Its message begins with `program`.
pub(super) fn run_command<T: Termination>(
    program: &str,
    flags: CliFlags,
    command: impl FnOnce(&Config) -> CommandResult<T>,
) -> ExitCode {
    with_config(flags, |config| console::finish(program, command(config)))
}

/// Reports what is wrong with the configuration, one line per mistake.
fn report_config_error(error: &ConfigError) -> ExitCode {
    let count = error.issues.len();
    let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
    console::note(&format!("userd: {mistakes} in the configuration, nothing was started\n{error}"));
    ExitCode::from(EXIT_USAGE)
}
