//! The command line: parses the arguments, runs one command and returns its exit code.
//!
//! What serving means is in `serve`, how a store is opened in `open`.
//!
//! To add a command: a variant of `CliCommand` with its help as a doc comment, a line in `dispatch`, and a function in
//! a file of its own below this module. Commands share `global_options`, `console`, `block_on`, `command_error`
//! and `sanitize`; they import nothing from this file.

mod admin;
mod backup;
mod block_on;
mod command_error;
mod completions;
mod config;
mod console;
mod doctor;
mod global_options;
mod health;
mod help;
mod import_export;
mod man;
mod sanitize;
mod service_keys;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::command_error::EXIT_USAGE;
use self::global_options::GlobalOptions;
use crate::serve;

/// The self-hosted user-accounts service.
#[derive(Debug, Parser)]
#[command(name = "userd", version, long_about = help::LONG_ABOUT, after_long_help = help::AFTER_HELP)]
#[command(max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    options: GlobalOptions,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Serve (the default without a command)
    Serve,
    /// Check the store for consistency (works online)
    Doctor(doctor::DoctorOptions),
    /// Check the health of a running server
    Health(health::HealthOptions),
    /// Create, list and revoke API keys (works online)
    #[command(subcommand)]
    ApiKeys(service_keys::ApiKeysCommand),
    /// List and rotate the signing keys of tokens (works online)
    #[command(subcommand)]
    SigningKeys(service_keys::SigningKeysCommand),
    /// Back up the SQLite file (works online)
    Backup(backup::BackupOptions),
    /// Restore a backup
    Restore(backup::RestoreOptions),
    /// Manage users: list, show, create, disable, update, delete
    User(Box<admin::UserOptions>),
    /// Print the number of users, the store and the version
    Stats(admin::StatsOptions),
    /// Export all users as lines of JSON (works online)
    Export(import_export::ExportOptions),
    /// Import users from such lines, or from a legacy database
    Import(import_export::ImportOptions),
    /// Show, validate or describe the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print shell completions
    Completions(completions::CompletionsOptions),
    /// Print the manual page, or write the pages of all commands into a directory
    Man(man::ManOptions),
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Print the effective value of every key and its source; secrets are hidden
    Show,
    /// Print "ok", or every mistake with its source
    Check,
    /// Print the default configuration file: every key with its default and meaning
    Default,
    /// Print a JSON schema of the configuration file, for editors
    Schema,
}

/// Runs the command line `args`, which begins with the program's name.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli),
        // Help and version are errors to clap, with exit code 0.
        Err(error) => {
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::from(EXIT_USAGE), ExitCode::from)
        }
    }
}

fn dispatch(cli: Cli) -> ExitCode {
    let options = cli.options;
    match cli.command.unwrap_or(CliCommand::Serve) {
        CliCommand::Serve => options.with_config(serve::run),
        CliCommand::Doctor(doctor) => options.run_command("userd doctor", |config| doctor::run(config, doctor)),
        CliCommand::Health(health) => options.run_command("userd health", |config| health::run(config, &health)),
        CliCommand::ApiKeys(command) => {
            options.run_command("userd api-keys", |config| service_keys::api_keys(config, command))
        }
        CliCommand::SigningKeys(command) => {
            options.run_command("userd signing-keys", |config| service_keys::signing_keys(config, command))
        }
        CliCommand::User(user) => admin::run(*user, options),
        CliCommand::Stats(stats) => admin::stats(&stats, options),
        CliCommand::Export(export) => {
            options.run_command("userd export", |config| import_export::export(config, &export))
        }
        CliCommand::Import(import) => {
            options.run_command("userd import", |config| import_export::import(config, &import))
        }
        CliCommand::Backup(backup) => options.run_command("userd backup", |config| backup::backup(config, &backup)),
        CliCommand::Restore(restore) => {
            options.run_command("userd restore", |config| backup::restore(config, &restore))
        }
        CliCommand::Config(ConfigCommand::Show) => options.with_config(config::show),
        CliCommand::Config(ConfigCommand::Check) => options.with_config(config::check),
        // These describe the program itself, so they work with an invalid configuration too.
        CliCommand::Config(ConfigCommand::Default) => config::default(),
        CliCommand::Config(ConfigCommand::Schema) => config::schema(),
        CliCommand::Completions(completions) => completions::run(completions, &mut Cli::command()),
        CliCommand::Man(man) => console::finish("userd man", man::run(&man, Cli::command())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
