//! Reads a line from a terminal without echo.
//!
//! The terminal is in raw mode: it delivers each key at once, echoes nothing, and sends no signals, because a process
//! that Ctrl-C ends in the middle would leave it without echo. This module handles Enter, Backspace, Ctrl-U, Ctrl-C and
//! Ctrl-D.

use std::io::{self, Read as _, Write as _};

use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::cli::command_error::{CommandError, CommandResult};

/// Prints the prompt, and reads up to Enter.
pub(super) fn ask(prompt: &str) -> CommandResult<Zeroizing<String>> {
    let stdin = io::stdin();
    let echo =
        EchoGuard::begin(&stdin).map_err(|error| CommandError::Failed(format!("can't read the terminal: {error}")))?;
    let _ = write!(io::stderr().lock(), "{prompt}");
    let mut line = InputLine::default();
    let ended = stdin.lock().bytes().find_map(|byte| byte.map(|byte| line.press(byte)).transpose());
    drop(echo);
    // Enter was not echoed either.
    let _ = writeln!(io::stderr().lock());
    match ended {
        Some(Ok(LineEnd::Entered)) => line.text(),
        Some(Ok(LineEnd::Cancelled)) | None => Err(CommandError::Failed("nothing was done".to_owned())),
        Some(Err(_)) => Err(CommandError::Failed("can't read the terminal".to_owned())),
    }
}

/// How the reading of a line ended.
#[derive(Debug, PartialEq, Eq)]
enum LineEnd {
    Entered,
    Cancelled,
}

/// The input so far.
struct InputLine {
    bytes: Zeroizing<Vec<u8>>,
    too_long: bool,
}

/// The longest password; further input is noticed and dropped.
const LINE_BYTES_MAX: usize = userd_core::PASSWORD_ATTEMPT_BYTES_MAX;

impl Default for InputLine {
    fn default() -> Self {
        // Allocated once, because growing would leave a copy behind.
        Self { bytes: Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX)), too_long: false }
    }
}

impl InputLine {
    /// Handles one byte from the terminal.
    fn press(&mut self, byte: u8) -> Option<LineEnd> {
        match byte {
            b'\n' | b'\r' => return Some(LineEnd::Entered),
            // Ctrl-C; Ctrl-D, which cancels an empty line and ends any other.
            3 => return Some(LineEnd::Cancelled),
            4 => return Some(if self.bytes.is_empty() { LineEnd::Cancelled } else { LineEnd::Entered }),
            // Backspace removes a character, which may have several bytes.
            8 | 127 => while self.bytes.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {},
            // Ctrl-U.
            21 => {
                self.bytes.clear();
                self.too_long = false;
            }
            _ if self.bytes.len() == LINE_BYTES_MAX => self.too_long = true,
            _ => self.bytes.push(byte),
        }
        None
    }

    fn text(&self) -> CommandResult<Zeroizing<String>> {
        if self.too_long {
            return Err(CommandError::InvalidInput(format!(
                "a password has at most {LINE_BYTES_MAX} bytes; nothing was done"
            )));
        }
        let text =
            std::str::from_utf8(&self.bytes).map_err(|_| CommandError::InvalidInput("that is not UTF-8".to_owned()))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

/// A terminal without echo; dropping this restores its mode.
struct EchoGuard<'a> {
    stdin: &'a io::Stdin,
    before: Termios,
}

impl<'a> EchoGuard<'a> {
    fn begin(stdin: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut mute = before.clone();
        mute.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        // Ctrl-S and Ctrl-Q may be part of the password, and must not stop the terminal.
        mute.input_modes -= InputModes::IXON;
        tcsetattr(stdin, OptionalActions::Now, &mute)?;
        Ok(Self { stdin, before })
    }
}

impl Drop for EchoGuard<'_> {
    fn drop(&mut self) {
        // Fails if the terminal is gone, which needs no mode.
        let _ = tcsetattr(self.stdin, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> (Option<LineEnd>, String) {
        let mut line = InputLine::default();
        let ended = keys.iter().find_map(|key| line.press(*key));
        (ended, line.text().map(|text| text.to_string()).unwrap_or_default())
    }

    #[test]
    fn editing_keys_are_handled() {
        assert_eq!(typed(b"secret\n"), (Some(LineEnd::Entered), "secret".to_owned()));
        assert_eq!(typed("blé\u{7f}ue\r".as_bytes()), (Some(LineEnd::Entered), "blue".to_owned()));
        assert_eq!(typed(b"\x7f\x08x\n"), (Some(LineEnd::Entered), "x".to_owned()));
        assert_eq!(typed(b"wrong\x15right\n"), (Some(LineEnd::Entered), "right".to_owned()));
        assert_eq!(typed(b"abc\x03").0, Some(LineEnd::Cancelled));
        assert_eq!(typed(b"\x04").0, Some(LineEnd::Cancelled));
        assert_eq!(typed(b"abc\x04").0, Some(LineEnd::Entered));
        assert_eq!(typed(b"abc").0, None);
    }

    #[test]
    fn a_line_beyond_all_limits_is_no_password() {
        let mut line = InputLine::default();
        assert!(std::iter::repeat_n(b'x', LINE_BYTES_MAX + 1).all(|key| line.press(key).is_none()));
        assert!(matches!(line.text(), Err(CommandError::InvalidInput(_))));
        line.press(21);
        assert!(line.text().is_ok());
    }
}
