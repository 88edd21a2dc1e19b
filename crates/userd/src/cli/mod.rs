//! What the `userd` program understands: takes the command line apart, and says what came of it in words and an
//! exit code. What serving means is `app`'s business.
//!
//! To add a command: a variant of `CliCommand` with its help as a doc comment, a function in a file of its own
//! below this module, a line in `act`.

mod admin;
mod backup;
mod completions;
mod config;
mod doctor;
mod health;
mod import_export;
mod keys;
mod man;
mod sanitize;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::app;
use crate::config::{CliFlags, Config, ConfigSources};

/// Wrong usage or a wrong configuration; what clap uses for the former.
const EXIT_USAGE: u8 = 2;

const LONG_ABOUT: &str = "\
userd is the user-accounts service beside your own services: it signs people up, finds them by id or e-mail, \
checks and changes their passwords and deletes them, over HTTP and JSON. It keeps users in one SQLite file by \
default, or in Redis, with Sentinels or as a cluster, when many userd processes share them.

Without a command it serves.";

/// Lines of at most 80 characters, or a narrow terminal breaks them a second time.
const AFTER_HELP: &str = "\
Examples:
  userd                                        serve on 127.0.0.1:8000, keep
                                               users in ./userd-data/userd.db
  userd --listen 0.0.0.0:8000                  serve to the network
  userd --store redis://cache.internal:6379/0  keep users in Redis
  userd config check                           find every mistake in settings
  userd config show                            print what holds, without secrets
  userd doctor                                 look whether all users are whole
  userd doctor --repair                        and mend what is no guess
  userd backup /backup/userd-today.db          copy the file of users, while it
                                               is being served
  userd restore /backup/userd-today.db         put it back, after userd stopped
  userd api-keys create --name gateway --scope users:read,users:write
                                               make a key for another service
  userd api-keys list                          who has keys, and last used them
  userd signing-keys rotate                    make the next key for tokens
  userd user list                              who signed up; more with --help
  userd user show ada@example.org              one user, by e-mail or by id
  userd stats --server http://127.0.0.1:8000   how many users another userd has
  userd completions bash                       complete all this in your shell
  userd export --output users.ndjson           write all users into a file
  userd import users.ndjson                    and take them into another store

Configuration, the later winning over the earlier:
  the defaults; userd.toml in the working directory, or the file that --config
  or USERD_CONFIG names; .env in the working directory; the environment; flags.
  Every key of userd.default.toml is a variable too: USERD_ and the key in
  capitals, two underscores after a section, such as USERD_HASH__MEMORY_KIB.
  REDIS_ADDRESS, REDIS_PORT, REDIS_DB and REDIS_PASSWORD choose Redis when no
  store is set. Give passwords in the environment or in a file
  (USERD_STORE_FILE, USERD_REDIS__PASSWORD_FILE), not in flags: other users of
  the machine see flags.

Exit codes:
  0  served until told to stop (SIGTERM, Ctrl-C), or the command did its work
  1  could not start, or could not go on serving; the log says why
  2  a mistake in the command line or the configuration; nothing was started
Of userd doctor: 0 nothing was found, or all of it was mended
  1  could not look at everything; what was found before is printed
  3  found what --repair would mend
  4  found what a person has to look at
Of userd user and userd stats: 0 it is done
  1  it could not be done, or you said no
  2  a mistake in what was given, too, or nobody there to be asked
  4  there is no such user
Of userd export and userd import: 0 all users are in the file, or in the store
  1  broke off; what came in before is there, and the same command goes on
  3  some users were left out, each with its reason, or the file was cut off";

/// The user-accounts service beside your own services.
#[derive(Debug, Parser)]
#[command(name = "userd", version, long_about = LONG_ABOUT, after_long_help = AFTER_HELP, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    options: GlobalOptions,
}

#[derive(Debug, Args)]
struct GlobalOptions {
    /// Serve on this address and port [default: 127.0.0.1:8000]
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Keep users here: sqlite:PATH, redis://…, redis+sentinel://…, redis+cluster://…, or rediss… for TLS [default:
    /// sqlite:./userd-data/userd.db]
    #[arg(long, global = true, value_name = "URL")]
    store: Option<String>,
    /// Read this configuration file instead of userd.toml
    #[arg(long = "config", global = true, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Log as text or as json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Serve (what userd does without a command)
    Serve,
    /// Look whether all users are whole and unique, while userd serves or not
    Doctor(doctor::DoctorOptions),
    /// Ask a serving userd whether it is well: exit code 0, or 1
    Health(health::HealthOptions),
    /// Create, list and revoke the API keys of other services, while userd serves or not
    #[command(subcommand)]
    ApiKeys(keys::ApiKeysCommand),
    /// List and rotate the keys that sign tokens, while userd serves or not
    #[command(subcommand)]
    SigningKeys(keys::SigningKeysCommand),
    /// Copy the embedded store into a file, while userd serves or not
    Backup(backup::BackupOptions),
    /// Put a copy of the embedded store back, while userd is stopped
    Restore(backup::RestoreOptions),
    /// List, show, make, shut, change and delete users
    User(Box<admin::UserOptions>),
    /// Say how many users there are, in which store, of which version
    Stats(admin::StatsOptions),
    /// Write all users out, a line of JSON each, while userd serves or not
    Export(import_export::ExportOptions),
    /// Take users in, from such lines or from the older design's database
    Import(import_export::ImportOptions),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what completes userd's command line in a shell
    Completions(completions::CompletionsOptions),
    /// Print the manual page, or write those of all commands into a folder
    Man(man::ManOptions),
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Print every key with the value in force and where it comes from; secrets are hidden
    Show,
    /// Print "ok", or every mistake with its place
    Check,
    /// Print the default configuration file: every key with its default and meaning
    Default,
    /// Print a JSON schema of the configuration file, for editors
    Schema,
}

/// Does what the command line `args` (the program's name first) says.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => act(cli),
        // Help and version are errors to clap, with exit code 0.
        Err(error) => {
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::from(EXIT_USAGE), ExitCode::from)
        }
    }
}

fn act(cli: Cli) -> ExitCode {
    let options = cli.options;
    match cli.command.unwrap_or(CliCommand::Serve) {
        CliCommand::Serve => with_config(options, app::run),
        CliCommand::Doctor(doctor) => with_config(options, |config| doctor::run(config, doctor)),
        CliCommand::Health(health) => with_config(options, |config| health::run(config, &health)),
        CliCommand::ApiKeys(command) => with_config(options, |config| keys::api_keys(config, command)),
        CliCommand::SigningKeys(command) => with_config(options, |config| keys::signing_keys(config, command)),
        CliCommand::User(user) => admin::run(*user, options),
        CliCommand::Stats(stats) => admin::stats(&stats, options),
        CliCommand::Export(export) => with_config(options, |config| import_export::export(config, &export)),
        CliCommand::Import(import) => with_config(options, |config| import_export::import(config, &import)),
        CliCommand::Backup(backup) => with_config(options, |config| backup::backup(config, &backup)),
        CliCommand::Restore(restore) => with_config(options, |config| backup::restore(config, &restore)),
        CliCommand::Config(ConfigCommand::Show) => with_config(options, config::show),
        CliCommand::Config(ConfigCommand::Check) => with_config(options, config::check),
        CliCommand::Config(ConfigCommand::Default) => config::default(),
        CliCommand::Config(ConfigCommand::Schema) => config::schema(),
        // What tells of the program itself does so whatever the configuration is.
        CliCommand::Completions(completions) => completions::run(completions, &mut Cli::command()),
        CliCommand::Man(man) => man::run(&man, Cli::command()),
    }
}

/// Loads the configuration and goes on with it, if there is no mistake in it.
fn with_config(options: GlobalOptions, act: impl FnOnce(&Config) -> ExitCode) -> ExitCode {
    let GlobalOptions { listen, store, config_file, log } = options;
    match Config::load(&ConfigSources::from_process(CliFlags { listen, store, log, config: config_file })) {
        Ok(config) => act(&config),
        Err(error) => report_config_error(&error),
    }
}

/// Runs `act` on as many threads of its own as the configuration wants.
///
/// # Errors
/// A sentence, if the system gives no threads.
fn block_on<T>(config: &Config, act: impl Future<Output = T>) -> Result<T, String> {
    block_on_threads(config.workers, act)
}

/// Runs `act` on so many threads of its own, and waits for nothing else that they may be doing.
///
/// # Errors
/// A sentence, if the system gives no threads.
fn block_on_threads<T>(threads: usize, act: impl Future<Output = T>) -> Result<T, String> {
    let runtime = app::build_runtime(threads).map_err(|error| format!("can't start threads: {error}"))?;
    let done = runtime.block_on(act);
    runtime.shutdown_background();
    Ok(done)
}

/// Says what is wrong with the configuration, a line a mistake.
fn report_config_error(error: &crate::config::ConfigError) -> ExitCode {
    let count = error.issues.len();
    let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd: {mistakes} in the configuration, nothing was started\n{error}");
    ExitCode::from(EXIT_USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_fits_a_terminal_of_80_columns() {
        let lines = AFTER_HELP.lines().chain(admin::AFTER_HELP.lines());
        let wide: Vec<&str> = lines.filter(|line| line.chars().count() > 80).collect();
        assert_eq!(wide, Vec::<&str>::new());
    }
}
