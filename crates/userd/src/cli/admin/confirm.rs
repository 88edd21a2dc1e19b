//! Asking before something is destroyed.

use std::io::{self, BufRead as _, IsTerminal, Write as _};

use super::types::CommandError;
use crate::cli::sanitize::sanitize;

/// Goes on if a person at the terminal says yes to `question`, or `yes` was said on the command line.
pub(super) fn ask(question: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CommandError::InvalidInput(
            "nobody is there to be asked: add --yes if it is meant; nothing was done".to_owned(),
        ));
    }
    // A question that can't be shown is not answered.
    let _ = write!(io::stderr().lock(), "{} [y/N] ", sanitize(question));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(CommandError::Failed("nothing was done".to_owned())),
    }
}
