//! Why a command did not succeed, and its exit code.

use std::process::ExitCode;

use crate::cli::console;
use crate::cli::exit_code::{EXIT_FAILED, EXIT_USAGE};

/// There is no such user.
const EXIT_NO_SUCH_USER: u8 = 4;

/// Why a command did not succeed; each variant has the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommandError {
    /// The input is invalid, or was not confirmed.
    InvalidInput(String),
    /// There is no such user.
    UserNotFound(String),
    /// Anything else.
    Failed(String),
}

/// Prints the message of an error; returns the exit code.
pub(super) fn finish(result: Result<(), CommandError>) -> ExitCode {
    let (code, message) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(CommandError::Failed(message)) => (EXIT_FAILED, message),
        Err(CommandError::InvalidInput(message)) => (EXIT_USAGE, message),
        Err(CommandError::UserNotFound(message)) => (EXIT_NO_SUCH_USER, message),
    };
    console::note(&format!("userd: {message}"));
    ExitCode::from(code)
}
