//! `userd export` and `userd import`: users as lines of JSON, out of a store and into one.

mod export;
mod import;
mod output_file;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) use self::export::{ExportOptions, run as export};
pub(super) use self::import::{ImportOptions, run as import};

/// Could not begin, or could not go on.
const EXIT_ABORTED: u8 = 1;
/// Some users were left out.
const EXIT_INCOMPLETE: u8 = 3;

/// A bar, on a terminal only.
fn progress(length: Option<u64>, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    length.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style)
}

/// Waits for SIGINT or SIGTERM, which from the call on end the process no more. Only inside a runtime.
fn shutdown_signal() -> impl Future<Output = ()> {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()).ok(), signal(SignalKind::terminate()).ok());
    async {
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }
}

async fn received(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// To standard error; nobody is left to be told that it is closed.
fn print_error(command: &str, sentence: &str) {
    let _ = writeln!(io::stderr().lock(), "userd {command}: {sentence}");
}

fn aborted(command: &str, sentence: &str) -> ExitCode {
    print_error(command, sentence);
    ExitCode::from(EXIT_ABORTED)
}
