//! The options of all commands, and the configuration that results from them.

use std::process::ExitCode;

use clap::Args;

use super::command_error::{CommandResult, EXIT_USAGE};
use super::console;
use crate::config::{CliFlags, Config, ConfigError, ConfigSources};

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct GlobalOptions {
    #[command(flatten)]
    pub(super) flags: CliFlags,
}

impl GlobalOptions {
    /// Loads the configuration and runs `command` with it. An invalid configuration is reported and runs nothing.
    pub(super) fn with_config(self, command: impl FnOnce(&Config) -> ExitCode) -> ExitCode {
        match Config::load(&ConfigSources::from_process(self.flags)) {
            Ok(config) => command(&config),
            Err(error) => report_config_error(&error),
        }
    }

    /// As [`Self::with_config`], with a command that can fail. Its message begins with `program`.
    pub(super) fn run_command(
        self,
        program: &str,
        command: impl FnOnce(&Config) -> CommandResult<ExitCode>,
    ) -> ExitCode {
        self.with_config(|config| console::finish(program, command(config)))
    }
}

/// Reports what is wrong with the configuration, one line per mistake.
fn report_config_error(error: &ConfigError) -> ExitCode {
    let count = error.issues.len();
    let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
    console::note(&format!("userd: {mistakes} in the configuration, nothing was started\n{error}"));
    ExitCode::from(EXIT_USAGE)
}
