//! What a command for keys prints.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::cli::console;
use crate::cli::exit_code::EXIT_FAILED;

/// The output of a command that succeeded.
pub(super) struct CommandOutput {
    /// For standard output.
    pub(super) out: String,
    /// For the person at the terminal, on standard error.
    pub(super) note: String,
}

impl CommandOutput {
    /// Output without a note.
    pub(super) fn out(text: impl Into<String>) -> Self {
        Self { out: text.into(), note: String::new() }
    }

    /// Prints it. A full disk is an error, because a new key is not shown again.
    pub(super) fn print(&self, group: &str) -> ExitCode {
        let printed = console::try_print(&self.out);
        let _ = io::stderr().lock().write_all(self.note.as_bytes());
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                console::fail(group, &format!("it was done, but the output can't be written: {error}"), EXIT_FAILED)
            }
            _ => ExitCode::SUCCESS,
        }
    }
}
