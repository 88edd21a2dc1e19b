//! The command line: parses the arguments, runs one command and returns its exit code.
//!
//! What serving means is in `serve`, how a store is opened in `open`.
//!
//! To add a command: a variant of `CliCommand` with its help as a doc comment, a line in `run`, and a function in a
//! file of its own below this module. Commands share `global_options`, `console`, `block_on`, `command_error`
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

use self::global_options::run_command;
use crate::config::CliFlags;
use crate::serve;

/// The self-hosted user-accounts service.
#[derive(Debug, Parser)]
#[command(name = "userd", version, long_about = help::LONG_ABOUT, after_long_help = help::AFTER_HELP)]
#[command(max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    flags: CliFlags,
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

/// Runs the command line `args`, which begins with the program's name. An invalid one ends the process with exit code
/// 2, help and version end it with 0.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Cli { command, flags } = Cli::parse_from(args);
    match command.unwrap_or(CliCommand::Serve) {
        CliCommand::Serve => run_command("userd", flags, |config| Ok(serve::run(config))),
        CliCommand::Doctor(doctor) => run_command("userd doctor", flags, |config| doctor.run(config)),
        CliCommand::Health(health) => run_command("userd health", flags, |config| health.run(config)),
        CliCommand::ApiKeys(command) => run_command("userd api-keys", flags, |config| command.run(config)),
        CliCommand::SigningKeys(command) => run_command("userd signing-keys", flags, |config| command.run(config)),
        CliCommand::User(user) => admin::run(*user, flags),
        CliCommand::Stats(stats) => admin::stats(&stats, flags),
        CliCommand::Export(export) => run_command("userd export", flags, |config| export.run(config)),
        CliCommand::Import(import) => run_command("userd import", flags, |config| import.run(config)),
        CliCommand::Backup(backup) => run_command("userd backup", flags, |config| backup.run(config)),
        CliCommand::Restore(restore) => run_command("userd restore", flags, |config| restore.run(config)),
        CliCommand::Config(ConfigCommand::Show) => run_command("userd", flags, |config| Ok(config::show(config))),
        CliCommand::Config(ConfigCommand::Check) => run_command("userd", flags, |config| Ok(config::check(config))),
        // These describe the program itself, so they work with an invalid configuration too.
        CliCommand::Config(ConfigCommand::Default) => config::default(),
        CliCommand::Config(ConfigCommand::Schema) => console::finish("userd", config::schema()),
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
