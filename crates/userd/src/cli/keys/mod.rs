//! `userd keys`: the service's keys, as the operator sees and changes them, beside a process that serves or without
//! one.
//!
//! What a script wants is on standard output, what a person has to know on standard error.

mod api;
mod signing;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Subcommand;

use crate::app::{self, OpenKeys};
use crate::config::Config;

/// The store could not do it, or there is no such key.
const EXIT_FAILED: u8 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// The keys by which other services call userd
    #[command(subcommand)]
    Api(api::ApiCommand),
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

/// Does what `command` says.
pub(super) fn run(config: &Config, command: KeysCommand) -> ExitCode {
    match super::block_on(config, act(config, command)).flatten() {
        Ok(said) => said.print(),
        Err(sentence) => failed(&sentence),
    }
}

async fn act(config: &Config, command: KeysCommand) -> Result<Said, String> {
    let keys = OpenKeys::open(config).await.map_err(|error| app::chain(&error))?;
    let done = match command {
        KeysCommand::Api(command) => api::act(&keys.api, command).await,
        KeysCommand::List { json } => signing::list(&keys.signing, json).await,
        KeysCommand::Rotate { now: false } => signing::rotate(&keys.signing).await,
        KeysCommand::Rotate { now: true } => signing::rotate_now(&keys.signing).await,
    };
    keys.close().await;
    done
}

/// What came of a command that did its work.
#[derive(Default)]
struct Said {
    /// For standard output.
    out: String,
    /// For the person at the terminal.
    note: String,
}

impl Said {
    fn out(text: impl Into<String>) -> Self {
        Self { out: text.into(), note: String::new() }
    }

    /// A reader that went away (`| head`) is no mistake; a disk that is full is: what was made is shown nowhere else.
    fn print(&self) -> ExitCode {
        let mut stdout = io::stdout().lock();
        let printed = stdout.write_all(self.out.as_bytes()).and_then(|()| stdout.flush());
        let _ = io::stderr().lock().write_all(self.note.as_bytes());
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                failed(&format!("it was done, but what it says can't be written: {error}"))
            }
            _ => ExitCode::SUCCESS,
        }
    }
}

fn failed(sentence: &str) -> ExitCode {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd keys: {sentence}");
    ExitCode::from(EXIT_FAILED)
}
