//! Why a command did not succeed, and its exit code.

use std::error::Error as StdError;

use userd_core::error_chain;
use userd_service::Error;

/// The command failed; the message says why.
pub(super) const EXIT_FAILED: u8 = 1;
/// An invalid command line, configuration or input. clap uses the same code.
pub(super) const EXIT_USAGE: u8 = 2;
/// Some users were skipped by an export or import, or the file is truncated.
pub(super) const EXIT_INCOMPLETE: u8 = 3;
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

/// The result of a command, or of one step of it.
pub(super) type CommandResult<T = ()> = Result<T, CommandError>;

impl CommandError {
    /// A failure with the messages of the error and its sources.
    pub(super) fn failed(error: impl StdError) -> Self {
        Self::Failed(error_chain(&error))
    }

    /// The exit code, and the message.
    pub(super) fn into_parts(self) -> (u8, String) {
        match self {
            Self::Failed(message) => (EXIT_FAILED, message),
            Self::InvalidInput(message) => (EXIT_USAGE, message),
            Self::UserNotFound(message) => (EXIT_NO_SUCH_USER, message),
        }
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownUser => Self::UserNotFound(error.to_string()),
            Error::PasswordRejected { field, rule } => Self::InvalidInput(format!("{field} {rule}")),
            Error::InvalidCursor(_) => Self::InvalidInput(error.to_string()),
            other => Self::failed(other),
        }
    }
}
