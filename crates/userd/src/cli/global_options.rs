//! The options of all commands, and the configuration that results from them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::command_error::{CommandResult, EXIT_USAGE};
use super::console;
use crate::config::{CliFlags, Config, ConfigError, ConfigSources};

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct GlobalOptions {
    /// Listen on this address and port [default: 127.0.0.1:8000]
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub(super) listen: Option<String>,
    /// Store accounts here: sqlite:PATH, redis://…, redis+sentinel://…, redis+cluster://…, or rediss… for TLS [default:
    /// sqlite:./userd-data/userd.db]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) store: Option<String>,
    /// Read this configuration file instead of userd.toml
    #[arg(long = "config", global = true, value_name = "FILE")]
    pub(super) config_file: Option<PathBuf>,
    /// Log as text or as json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log: Option<String>,
}

impl GlobalOptions {
    /// Loads the configuration and runs `command` with it. An invalid configuration is reported and runs nothing.
    pub(super) fn with_config(self, command: impl FnOnce(&Config) -> ExitCode) -> ExitCode {
        let Self { listen, store, config_file, log } = self;
        match Config::load(&ConfigSources::from_process(CliFlags { listen, store, log, config: config_file })) {
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
