//! Standard output and standard error of commands.
//!
//! Results go to standard output, messages for people to standard error. A reader that has gone away (`| head`, a
//! closed standard error) is not an error.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{ExitCode, Termination};

use indicatif::{ProgressBar, ProgressStyle};

use super::command_error::{CommandError, CommandResult};

/// Prints `text` on standard output, and ignores whether it arrives.
pub(super) fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints the result of a change, and returns whether it was read: false means that the reader has gone away.
///
/// # Errors
/// The text was not written, for instance because the disk is full: a new key or password is not shown again.
pub(super) fn print_result(text: &str) -> CommandResult<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::Failed(format!("it was done, but the output can't be written: {error}"))),
    }
}

/// Prints a line on standard error.
pub(super) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints a message of the command `command` on standard error.
pub(super) fn report(command: &str, message: &str) {
    note(&format!("userd {command}: {message}"));
}

/// Returns the exit code of a result. Prints the message of an error after `program`, which is `userd`, or `userd` and
/// the command.
pub(super) fn finish(program: &str, result: CommandResult<impl Termination>) -> ExitCode {
    match result {
        Ok(done) => done.report(),
        Err(error) => {
            let (code, message) = error.into_parts();
            note(&format!("{program}: {message}"));
            ExitCode::from(code)
        }
    }
}

/// A progress bar on standard error, on a terminal only.
pub(super) fn progress_bar(length: Option<u64>, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    length.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style)
}
