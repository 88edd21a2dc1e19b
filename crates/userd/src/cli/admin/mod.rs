//! `userd user` and `userd stats`: accounts for people at a terminal and for scripts, through a running server or on
//! a store directly.
//!
//! | module | what it is |
//! |---|---|
//! | `target` | which accounts: a server's or a store's |
//! | `backend` | the two ways, and what can be done either way |
//! | `server_backend`, `http_client` | through a server: its admin API, and the line to it |
//! | `store_backend` | on a store |
//! | `types` | users, pages and refusals in the words of the admin API |
//! | `list`, `change` | the commands |
//! | `output`, `sanitize` | how it looks, and that text from strangers only looks |
//! | `confirm`, `password` | what people are asked |
//!
//! To add a command: a variant of `UserCommand`, a method of `AdminBackend` in both ways, a function in `list` or `change`.

mod backend;
mod change;
mod confirm;
mod http_client;
mod list;
mod output;
mod password;
mod server_backend;
mod store_backend;
mod target;
mod types;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::backend::AdminBackend;
use self::output::OutputFormatter;
use self::target::TargetOptions;
use self::types::CommandError;
use super::GlobalOptions;

/// It could not be done.
const EXIT_FAILED: u8 = 1;
/// What was given is wrong, or was not confirmed.
const EXIT_USAGE: u8 = super::EXIT_USAGE;
/// There is no such user.
const EXIT_NO_SUCH_USER: u8 = 4;

/// Below `--help`. Lines of at most 80 characters, or a narrow terminal breaks them a second time.
pub(super) const AFTER_HELP: &str = "\
Examples:
  userd user list --newest                     who signed up last
  userd user list --email ada@                 whose e-mail begins so
  userd user list --all --json                 all, a line of JSON for each
  userd user show ada@example.org              by e-mail or by id
  userd user create --name Ada --email ada@example.org
                                               asks for the password, unseen
  userd user disable ada@example.org           after asking; --yes does not ask
  userd user set-password ada@example.org --generate-password
                                               prints it once
  userd user list --server http://127.0.0.1:8000 --key-file admin.key
                                               through a userd that serves

Which users:
  Those of the configured store, opened directly: Redis while userd serves it or
  not, a database file only while no userd serves it. With --server, those of a
  running userd, by an API key with the scope admin (`userd api-keys create
  --name NAME --scope admin`), from --key-file or USERD_API_KEY.

Output:
  Tables on a terminal; into a pipe a line for each user with tabs between, in
  the same order, without headings. --json prints what the admin API answers.

Exit codes:
  0  it is done
  1  it could not be done, or you said no; nothing was changed unless it says so
  2  a mistake in the command line or the configuration, or nobody to ask
  4  there is no such user";

/// What is wanted of accounts, and where.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct UserOptions {
    #[command(flatten)]
    target: TargetOptions,
    /// Print JSON, as the admin API has it
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// List users in the order of their sign-up, or those whose e-mail begins with something
    List(list::ListOptions),
    /// Show one user
    Show(UserArg),
    /// Make somebody a user
    Create(change::CreateOptions),
    /// Shut an account: nobody signs in, and all its sessions end at once
    Disable(ConfirmedUserArg),
    /// Open an account again
    Enable(UserArg),
    /// Delete a user for ever
    Delete(ConfirmedUserArg),
    /// Give a user another password, and end all their sessions
    SetPassword(change::SetPasswordOptions),
    /// Let a user's password be good for nothing but being changed, and end all their sessions
    ExpirePassword(ConfirmedUserArg),
    /// Sign a user out everywhere
    RevokeSessions(ConfirmedUserArg),
    /// List what happened to a user, the newest first
    Events(list::EventsOptions),
}

/// A user.
#[derive(Debug, Args)]
struct UserArg {
    /// The user's id or e-mail
    #[arg(value_name = "ID|E-MAIL")]
    user: String,
}

/// A user who is going to lose something.
#[derive(Debug, Args)]
struct ConfirmedUserArg {
    #[command(flatten)]
    who: UserArg,
    /// Don't ask whether it is meant
    #[arg(short, long)]
    yes: bool,
}

/// Of which place a count is wanted.
#[derive(Debug, Args)]
pub(super) struct StatsOptions {
    #[command(flatten)]
    target: TargetOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Does what the command says.
pub(super) fn run(user: UserOptions, options: GlobalOptions) -> ExitCode {
    let UserOptions { target, json, command } = user;
    let output = OutputFormatter::for_stdout(json);
    // The first user may be made before anything was served.
    let make = matches!(command, UserCommand::Create(_));
    target.with(options, make, async |backend| act(backend, output, command).await)
}

async fn act(backend: &AdminBackend, output: OutputFormatter, command: UserCommand) -> Result<(), CommandError> {
    match command {
        UserCommand::List(wanted) => list::users(backend, output, wanted).await,
        UserCommand::Events(wanted) => list::events(backend, output, wanted).await,
        UserCommand::Show(who) => {
            let account = backend.show(&who.user).await?;
            print(&if output.json { output::json(&account) } else { output.user_details(&account) }).map(|_| ())
        }
        UserCommand::Create(new) => change::create(backend, output, new).await,
        UserCommand::Disable(who) => change::disable(backend, output, who).await,
        UserCommand::Enable(who) => change::enable(backend, output, who).await,
        UserCommand::Delete(who) => change::delete(backend, output, who).await,
        UserCommand::SetPassword(new) => change::set_password(backend, output, new).await,
        UserCommand::ExpirePassword(who) => change::expire_password(backend, output, who).await,
        UserCommand::RevokeSessions(who) => change::revoke_sessions(backend, output, who).await,
    }
}

/// Says how many users there are, and where.
pub(super) fn stats(stats: &StatsOptions, options: GlobalOptions) -> ExitCode {
    let output = OutputFormatter::for_stdout(stats.json);
    stats.target.with(options, false, async |backend| list::stats(backend, output).await)
}

/// Runs `act` on threads of its own.
fn block_on<T>(act: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    super::block_on_threads(1, act).map_err(CommandError::Failed).flatten()
}

/// Says what came of it, in words and as an exit code.
fn finish(done: Result<(), CommandError>) -> ExitCode {
    let (code, sentence) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(CommandError::Failed(sentence)) => (EXIT_FAILED, sentence),
        Err(CommandError::InvalidInput(sentence)) => (EXIT_USAGE, sentence),
        Err(CommandError::UserNotFound(sentence)) => (EXIT_NO_SUCH_USER, sentence),
    };
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd: {sentence}");
    ExitCode::from(code)
}

/// For the person at the terminal, beside what was asked for.
fn note(sentence: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{sentence}");
}

/// To standard output; tells whether somebody still reads: one who went away (`| head`) is no mistake. A disk that is
/// full is: it may be a password, which is shown nowhere else.
fn print(text: &str) -> Result<bool, CommandError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::Failed(format!("it was done, but what it says can't be written: {error}"))),
    }
}
