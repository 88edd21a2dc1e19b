//! Standard output and standard error of commands.
//!
//! Results go to standard output, messages for people to standard error. A reader that has gone away (`| head`, a
//! closed standard error) is not an error.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// Prints `text` on standard output, and ignores whether it arrives.
pub(super) fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints `text` on standard output.
///
/// # Errors
/// The text was not written, for instance because the disk is full. `BrokenPipe` means that the reader has gone away.
pub(super) fn try_print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints a line on standard error.
pub(super) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints a message of the command `command` on standard error.
pub(super) fn report(command: &str, message: &str) {
    note(&format!("userd {command}: {message}"));
}

/// Prints a message of the command `command` on standard error, and returns the exit code.
pub(super) fn fail(command: &str, message: &str, code: u8) -> ExitCode {
    report(command, message);
    ExitCode::from(code)
}
