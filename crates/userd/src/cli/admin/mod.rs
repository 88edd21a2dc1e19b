//! `userd user` and `userd stats`: administration for people at a terminal and for scripts, through a running server or
//! directly on a store.
//!
//! | module | what it is |
//! |---|---|
//! | `target` | which accounts: a server's or a store's |
//! | `backend` | one interface for both |
//! | `http_client` | requests to a server |
//! | `context` | what each command works with |
//! | `list`, `change` | the commands |
//! | `output` | tables, tab-separated lines, JSON |
//! | `password` | a new password, from the terminal, standard input or the random generator |
//!
//! To add a command: a variant of `UserCommand`, a method of `AdminBackend`, and one of `AdminContext` in `list` or
//! `change`.

mod backend;
mod change;
mod context;
mod http_client;
mod list;
mod output;
mod password;
mod target;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::change::{ConfirmedUserArg, UserArg};
use self::context::AdminContext;
use self::output::OutputFormatter;
use self::target::TargetOptions;
use super::command_error::CommandResult;
use crate::config::CliFlags;

/// Below `--help`. Lines have at most 80 characters, because a narrow terminal would break longer ones a second time.
pub(super) const AFTER_HELP: &str = "\
Examples:
  userd user list --newest                     the newest users first
  userd user list --email ada@                 users whose e-mail starts so
  userd user list --all --json                 all users, as lines of JSON
  userd user show ada@example.org              a user, by e-mail or id
  userd user create --name Ada --email ada@example.org
                                               prompts for the password
  userd user disable ada@example.org           asks first, unless --yes
  userd user set-password ada@example.org --generate-password
                                               prints the password once
  userd user list --server http://127.0.0.1:8000 --key-file admin.key
                                               through a running server

Target:
  The configured store, opened directly: Redis also while servers use it, a
  database file only while no server has it open. With --server, the admin API
  of a running userd, with an API key with the scope admin (`userd api-keys
  create --name NAME --scope admin`) from --key-file or USERD_API_KEY.

Output:
  Tables on a terminal; into a pipe one line per user with tab-separated columns
  in the same order, without headings. --json prints the admin API's JSON.

Exit codes:
  0  done
  1  failed, or not confirmed; nothing was changed unless the message says so
  2  invalid command line, configuration or input, or no terminal to confirm on
  4  no such user";

/// What to do with which accounts.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct UserOptions {
    #[command(flatten)]
    target: TargetOptions,
    /// Print the admin API's JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// List users in sign-up order, or those whose e-mail starts with a prefix
    List(list::ListOptions),
    /// Show a user
    Show(UserArg),
    /// Create a user
    Create(change::CreateOptions),
    /// Disable an account and end its sessions
    Disable(ConfirmedUserArg),
    /// Enable an account
    Enable(UserArg),
    /// Delete a user permanently
    Delete(ConfirmedUserArg),
    /// Set a user's password and end their sessions
    SetPassword(change::SetPasswordOptions),
    /// Force a password change at next sign-in and end the user's sessions
    ExpirePassword(ConfirmedUserArg),
    /// Sign a user out everywhere
    RevokeSessions(ConfirmedUserArg),
    /// List a user's account events, newest first
    Events(list::EventsOptions),
}

/// Which server or store to count.
#[derive(Debug, Args)]
pub(super) struct StatsOptions {
    #[command(flatten)]
    target: TargetOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs a command of `userd user`.
pub(super) fn run(user: UserOptions, flags: CliFlags) -> ExitCode {
    let output = OutputFormatter::for_stdout(user.json);
    // The first user can be created before the first start of a server.
    let create = matches!(user.command, UserCommand::Create(_));
    user.target.run(flags, create, async |backend| dispatch(AdminContext { backend, output }, user.command).await)
}

/// Runs `userd stats`.
pub(super) fn stats(stats: &StatsOptions, flags: CliFlags) -> ExitCode {
    let output = OutputFormatter::for_stdout(stats.json);
    stats.target.run(flags, false, async |backend| AdminContext { backend, output }.stats().await)
}

async fn dispatch(context: AdminContext<'_>, command: UserCommand) -> CommandResult {
    match command {
        UserCommand::List(options) => context.list(options).await,
        UserCommand::Show(user) => context.show(user).await,
        UserCommand::Create(options) => context.create(options).await,
        UserCommand::Disable(user) => context.disable(user).await,
        UserCommand::Enable(user) => context.enable(user).await,
        UserCommand::Delete(user) => context.delete(user).await,
        UserCommand::SetPassword(options) => context.set_password(options).await,
        UserCommand::ExpirePassword(user) => context.expire_password(user).await,
        UserCommand::RevokeSessions(user) => context.revoke_sessions(user).await,
        UserCommand::Events(options) => context.events(options).await,
    }
}
