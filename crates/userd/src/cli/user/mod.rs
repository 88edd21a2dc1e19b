//! `userd user` and `userd stats`: accounts for people at a terminal and for scripts, through a running server or on
//! a store directly.
//!
//! | module | what it is |
//! |---|---|
//! | `place` | which accounts: a server's or a store's |
//! | `accounts` | the two ways, and what can be done either way |
//! | `server`, `connection` | through a server: its admin API, and the line to it |
//! | `direct` | on a store |
//! | `account` | users, pages and refusals in the words of the admin API |
//! | `list`, `change` | the commands |
//! | `screen`, `strangers` | how it looks, and that text from strangers only looks |
//! | `consent`, `password` | what people are asked |
//!
//! To add a command: a variant of `UserCommand`, a method of `Accounts` in both ways, a function in `list` or `change`.

mod account;
mod accounts;
mod change;
mod connection;
mod consent;
mod direct;
mod list;
mod password;
mod place;
mod screen;
mod server;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::account::Refusal;
use self::accounts::Accounts;
use self::place::PlaceOptions;
use self::screen::Screen;
use super::Options;

/// It could not be done.
const EXIT_FAILED: u8 = 1;
/// What was given is wrong, or was not confirmed.
const EXIT_MISTAKE: u8 = super::EXIT_MISTAKE;
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
  running userd, by an API key with the scope admin (`userd keys api create
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
    place: PlaceOptions,
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
    Show(Who),
    /// Make somebody a user
    Create(change::CreateOptions),
    /// Shut an account: nobody signs in, and all its sessions end at once
    Disable(WhoSurely),
    /// Open an account again
    Enable(Who),
    /// Delete a user for ever
    Delete(WhoSurely),
    /// Give a user another password, and end all their sessions
    SetPassword(change::SetPasswordOptions),
    /// Let a user's password be good for nothing but being changed, and end all their sessions
    ExpirePassword(WhoSurely),
    /// Sign a user out everywhere
    EndSessions(WhoSurely),
    /// List what happened to a user, the newest first
    Events(list::EventsOptions),
}

/// A user.
#[derive(Debug, Args)]
struct Who {
    /// The user's id or e-mail
    #[arg(value_name = "ID|E-MAIL")]
    user: String,
}

/// A user who is going to lose something.
#[derive(Debug, Args)]
struct WhoSurely {
    #[command(flatten)]
    who: Who,
    /// Don't ask whether it is meant
    #[arg(short, long)]
    yes: bool,
}

/// Of which place a count is wanted.
#[derive(Debug, Args)]
pub(super) struct StatsOptions {
    #[command(flatten)]
    place: PlaceOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Does what the command says.
pub(super) fn run(user: UserOptions, options: Options) -> ExitCode {
    let UserOptions { place, json, command } = user;
    let screen = Screen::of_process(json);
    // The first user may be made before anything was served.
    let make = matches!(command, UserCommand::Create(_));
    place.with(options, make, async |accounts| act(accounts, screen, command).await)
}

async fn act(accounts: &Accounts, screen: Screen, command: UserCommand) -> Result<(), Refusal> {
    match command {
        UserCommand::List(wanted) => list::users(accounts, screen, wanted).await,
        UserCommand::Events(wanted) => list::events(accounts, screen, wanted).await,
        UserCommand::Show(who) => {
            let account = accounts.show(&who.user).await?;
            print(&if screen.json { screen::json(&account) } else { screen.account(&account) }).map(|_| ())
        }
        UserCommand::Create(new) => change::create(accounts, screen, new).await,
        UserCommand::Disable(who) => change::disable(accounts, screen, who).await,
        UserCommand::Enable(who) => change::enable(accounts, screen, who).await,
        UserCommand::Delete(who) => change::delete(accounts, screen, who).await,
        UserCommand::SetPassword(new) => change::set_password(accounts, screen, new).await,
        UserCommand::ExpirePassword(who) => change::expire_password(accounts, screen, who).await,
        UserCommand::EndSessions(who) => change::end_sessions(accounts, screen, who).await,
    }
}

/// Says how many users there are, and where.
pub(super) fn stats(stats: &StatsOptions, options: Options) -> ExitCode {
    let screen = Screen::of_process(stats.json);
    stats.place.with(options, false, async |accounts| list::stats(accounts, screen).await)
}

/// Runs `act` on threads of its own.
fn block_on<T>(act: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    super::block_on_threads(1, act).map_err(Refusal::Failed).flatten()
}

/// Says what came of it, in words and as an exit code.
fn finish(done: Result<(), Refusal>) -> ExitCode {
    let (code, sentence) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Refusal::Failed(sentence)) => (EXIT_FAILED, sentence),
        Err(Refusal::Mistake(sentence)) => (EXIT_MISTAKE, sentence),
        Err(Refusal::NoSuchUser(sentence)) => (EXIT_NO_SUCH_USER, sentence),
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
fn print(text: &str) -> Result<bool, Refusal> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Refusal::Failed(format!("it was done, but what it says can't be written: {error}"))),
    }
}
