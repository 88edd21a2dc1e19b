//! The question before a destructive command.

use std::io::{self, BufRead as _, IsTerminal, Write as _};

use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::sanitize::sanitize;

/// Succeeds if the person at the terminal answers `question` with yes, or with `yes` (`--yes`).
pub(super) fn ask(question: &str, yes: bool) -> CommandResult {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CommandError::InvalidInput(
            "no terminal to confirm on: add --yes to confirm; nothing was done".to_owned(),
        ));
    }
    // If the question can't be printed, the answer will not be yes.
    let _ = write!(io::stderr().lock(), "{} [y/N] ", sanitize(question));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(CommandError::Failed("nothing was done".to_owned())),
    }
}
