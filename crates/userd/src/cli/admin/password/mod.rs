//! Where a new password comes from: a prompt without echo, standard input, or the random generator. Never an argument,
//! which other users of the machine can read and shells record.

mod prompt;

use std::io::{self, IsTerminal, Read as _};

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::command_error::{CommandError, CommandResult};
use userd_core::PASSWORD_ATTEMPT_BYTES_MAX;
use userd_core::random::{Random, SystemRandom};

/// Letters and digits that are not confused with one another; 32, so that each is five bits.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Groups of a generated password, and characters per group: 125 bits.
const GROUPS: usize = 5;
const GROUP_CHARS: usize = 5;

/// How the password is passed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct PasswordOptions {
    /// Read the password from standard input, as one line
    #[arg(long)]
    password_stdin: bool,
    /// Generate a strong password, print it once, and force a change at the first sign-in
    #[arg(long, conflicts_with = "password_stdin")]
    generate_password: bool,
    /// Force a password change at the next sign-in
    #[arg(long)]
    password_expired: bool,
}

/// A new password.
pub(super) struct PasswordInput {
    pub(super) password: Zeroizing<String>,
    /// It was generated, and has to be printed.
    pub(super) generated: bool,
    /// It has to be changed at the next sign-in.
    pub(super) expired: bool,
}

impl PasswordOptions {
    /// The password; prompts for it without other options.
    pub(super) fn password(self) -> CommandResult<PasswordInput> {
        let generated = self.generate_password;
        let password = if generated {
            generate(&SystemRandom)
        } else if self.password_stdin {
            from_stdin()?
        } else {
            from_terminal()?
        };
        Ok(PasswordInput { password, generated, expired: generated || self.password_expired })
    }
}

fn generate(random: &dyn Random) -> Zeroizing<String> {
    let bytes = Zeroizing::new(random.bytes::<{ GROUPS * GROUP_CHARS }>());
    let letters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let mut password = Zeroizing::new(String::with_capacity(GROUPS * (GROUP_CHARS + 1)));
    for (index, letter) in letters.enumerate() {
        if index > 0 && index % GROUP_CHARS == 0 {
            password.push('-');
        }
        password.push(letter);
    }
    password
}

fn from_stdin() -> CommandResult<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSWORD_ATTEMPT_BYTES_MAX + 3));
    // Room for a line end, and for one byte more than allowed.
    let most = u64::try_from(PASSWORD_ATTEMPT_BYTES_MAX + 3).unwrap_or(u64::MAX);
    let read = io::stdin().lock().take(most).read_to_end(&mut bytes);
    read.map_err(|error| CommandError::Failed(format!("can't read standard input: {error}")))?;
    parse_line(&bytes)
}

/// The password in `bytes`, without the line end that `echo` and editors add.
fn parse_line(bytes: &[u8]) -> CommandResult<Zeroizing<String>> {
    let wrong = |why: &str| CommandError::InvalidInput(format!("the password on standard input {why}"));
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        return Err(wrong("is empty"));
    }
    if line.len() > PASSWORD_ATTEMPT_BYTES_MAX {
        return Err(wrong("is too long"));
    }
    if line.contains(['\n', '\r']) {
        return Err(wrong("has more than one line"));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn from_terminal() -> CommandResult<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        let ways = "--password-stdin, or --generate-password";
        return Err(CommandError::InvalidInput(format!("no terminal to prompt for the password on: use {ways}")));
    }
    let password = prompt::ask("New password: ")?;
    if password.is_empty() {
        return Err(CommandError::InvalidInput("the password is empty; nothing was done".to_owned()));
    }
    if *password != *prompt::ask("Once more: ")? {
        return Err(CommandError::InvalidInput("the two passwords differ; nothing was done".to_owned()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use userd_core::random::SeededRandom;

    #[test]
    fn a_generated_password_is_long_and_made_of_what_can_be_read_out() {
        let random = SeededRandom::from_seed(5);
        let (one, other) = (generate(&random), generate(&random));
        assert_ne!(*one, *other);
        let groups: Vec<&str> = one.split('-').collect();
        assert!(groups.len() == 5 && groups.iter().all(|group| group.len() == 5), "{groups:?}");
        assert!(one.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)));
        let mut letters = *ALPHABET;
        letters.sort_unstable();
        assert!(letters.windows(2).all(|pair| pair[0] != pair[1]), "each letter is there once");
    }

    #[test]
    fn standard_input_is_one_line_with_or_without_its_end() {
        let read = |bytes: &[u8]| match parse_line(bytes) {
            Ok(password) => password.to_string(),
            Err(CommandError::InvalidInput(sentence)) => sentence,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(read(b"blue kite\n"), "blue kite");
        assert_eq!(read(b"blue kite\r\n"), "blue kite");
        assert_eq!(read(" blé ".as_bytes()), " blé ");
        for (bytes, why) in [
            (&b"\n"[..], "is empty"),
            (b"", "is empty"),
            (b"a\xff", "not UTF-8"),
            (b"one\ntwo\n", "more than one line"),
            (&[b'x'; PASSWORD_ATTEMPT_BYTES_MAX + 1], "too long"),
        ] {
            assert!(read(bytes).contains(why), "{why}: {}", read(bytes));
        }
    }
}
