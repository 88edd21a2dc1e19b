//! What every command of `userd user` works with.

use serde::Serialize;

use super::backend::AdminBackend;
use super::output::{self, OutputFormatter};
use crate::cli::command_error::CommandResult;
use crate::cli::console::print_result;

/// The accounts, and the format of the output.
#[derive(Clone, Copy)]
pub(super) struct AdminContext<'a> {
    pub(super) backend: &'a AdminBackend,
    pub(super) output: OutputFormatter,
}

impl AdminContext<'_> {
    /// Prints a result: `value` for scripts, `text` for people.
    pub(super) fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) -> CommandResult {
        print_result(&if self.output.json { output::json(value) } else { text() }).map(|_| ())
    }
}
