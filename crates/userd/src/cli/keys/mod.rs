//! `userd api-keys` and `userd signing-keys`: the service's keys, as the operator sees and changes them, beside a process
//! that serves or without one.
//!
//! What a script wants is on standard output, what a person has to know on standard error.

mod api_keys;
mod signing_keys;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Subcommand;

pub(super) use self::api_keys::ApiKeysCommand;
use crate::app::{self, KeyContext};
use crate::config::Config;

/// The store could not do it, or there is no such key.
const EXIT_FAILED: u8 = 1;

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum SigningKeysCommand {
    /// List the keys that sign tokens for other services, and what each is there for
    List {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Make the next key that signs tokens; it is published now and signs once everybody knows it
    Rotate {
        /// For a key that somebody else may have: sign with a new one at once, and remove all others. Tokens that they
        /// signed are refused
        #[arg(long)]
        now: bool,
    },
}

/// `userd api-keys`
pub(super) fn api_keys(config: &Config, command: ApiKeysCommand) -> ExitCode {
    run("api-keys", config, async |keys| api_keys::act(&keys.api, command).await)
}

/// `userd signing-keys`
pub(super) fn signing_keys(config: &Config, command: SigningKeysCommand) -> ExitCode {
    run("signing-keys", config, async |keys| match command {
        SigningKeysCommand::List { json } => signing_keys::list(&keys.signing, json).await,
        SigningKeysCommand::Rotate { now: false } => signing_keys::rotate(&keys.signing).await,
        SigningKeysCommand::Rotate { now: true } => signing_keys::rotate_now(&keys.signing).await,
    })
}

/// Opens the keys and does what `act` does with them; `group` is the command that a message begins with.
fn run(group: &str, config: &Config, act: impl AsyncFnOnce(&KeyContext) -> Result<CommandOutput, String>) -> ExitCode {
    let work = async {
        let keys = KeyContext::open(config).await.map_err(|error| app::chain(&error))?;
        let done = act(&keys).await;
        keys.close().await;
        done
    };
    match super::block_on(config, work).flatten() {
        Ok(output) => output.print(group),
        Err(sentence) => failed(group, &sentence),
    }
}

/// What came of a command that did its work.
#[derive(Default)]
struct CommandOutput {
    /// For standard output.
    out: String,
    /// For the person at the terminal.
    note: String,
}

impl CommandOutput {
    fn out(text: impl Into<String>) -> Self {
        Self { out: text.into(), note: String::new() }
    }

    /// A reader that went away (`| head`) is no mistake; a disk that is full is: what was made is shown nowhere else.
    fn print(&self, group: &str) -> ExitCode {
        let mut stdout = io::stdout().lock();
        let printed = stdout.write_all(self.out.as_bytes()).and_then(|()| stdout.flush());
        let _ = io::stderr().lock().write_all(self.note.as_bytes());
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                failed(group, &format!("it was done, but what it says can't be written: {error}"))
            }
            _ => ExitCode::SUCCESS,
        }
    }
}

fn failed(group: &str, sentence: &str) -> ExitCode {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd {group}: {sentence}");
    ExitCode::from(EXIT_FAILED)
}
