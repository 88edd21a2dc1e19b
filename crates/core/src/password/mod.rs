//! Passwords: what may become one, what somebody offers as theirs, and what is kept of it.
//!
//! Length and a list of common words are the only rules, as NIST SP 800-63B-4 (3.1.1.2) and OWASP ASVS 5
//! (6.2) want it: no composition rules, no meter. Hashing is not here, see `service::hashing`.
//!
//! Everything secret is wiped when dropped and shows nothing in `Debug`. The wiping is a courtesy, not a
//! promise: the framework's request body and the buffers of the kernel held the same characters before.

mod common;
mod imported;
mod phc;
#[cfg(test)]
mod tests;

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DisplayName, Email};

pub use imported::{
    IMPORTED_SALT_BYTES_MAX, ImportedHash, ImportedHashError, ImportedScheme, Pbkdf2Digest, Prehash,
    STORED_OUTPUT_BYTES_MAX,
};
pub use phc::{PASSWORD_HASH_BYTES_MAX, PasswordHash, PasswordHashError};

/// The longest password that is taken for a check, in bytes; longer than any that a policy lets in.
///
/// It bounds what normalising and hashing can cost: 1,024 bytes are at most 11 KiB in NFKC (the factor 11 of
/// U+FDFA), which Argon2 takes in microseconds.
pub const PASSWORD_ATTEMPT_BYTES_MAX: usize = 1024;

/// The smallest minimum that a policy may set: NIST SP 800-63B-4 (3.1.1.2) and OWASP ASVS 5 (6.2.1) allow no
/// less, and the built-in list of common passwords has no shorter words.
pub const PASSWORD_CHARS_MIN_FLOOR: usize = 8;

/// The largest maximum that a policy may set: so many characters of four bytes are
/// [`PASSWORD_ATTEMPT_BYTES_MAX`].
pub const PASSWORD_CHARS_MAX_CEILING: usize = PASSWORD_ATTEMPT_BYTES_MAX / 4;

/// The smallest maximum that a policy may set: NIST SP 800-63B-4 (3.1.1.2) wants 64 characters accepted at least.
const PASSWORD_CHARS_MAX_FLOOR: usize = 64;

/// NFKC makes a text at most this many times longer in bytes (Unicode FAQ on normalisation; U+FDFA).
const NFKC_GROWTH_MAX: usize = 11;

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// Lengths of a new password in characters (Unicode scalar values after NFKC): section `[password]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Minimum length of a new password in characters; at most `chars_max`.
    #[schemars(range(min = PASSWORD_CHARS_MIN_FLOOR, max = PASSWORD_CHARS_MAX_CEILING))]
    pub chars_min: usize,
    /// Maximum length of a new password in characters.
    #[schemars(range(min = PASSWORD_CHARS_MAX_FLOOR, max = PASSWORD_CHARS_MAX_CEILING))]
    pub chars_max: usize,
}

impl Default for PasswordPolicy {
    /// 8 to 128 characters: the least that NIST SP 800-63B-4 allows anywhere, and twice the 64 that it wants
    /// accepted at least.
    fn default() -> Self {
        Self { chars_min: 8, chars_max: 128 }
    }
}

/// A new password that the policy accepts, normalised (NFKC).
pub struct Password(Zeroizing<String>);

/// What somebody offers as their password: not empty, not absurdly long, otherwise anything. Kept as typed,
/// since services of the older design hashed it so.
pub struct PasswordAttempt(Zeroizing<String>);

/// The rule that a password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// An attempt without a character.
    #[error("must not be empty")]
    Empty,
    /// Too few characters.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// Too many characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// More than [`PASSWORD_ATTEMPT_BYTES_MAX`] bytes as sent.
    #[error("must have at most {PASSWORD_ATTEMPT_BYTES_MAX} bytes")]
    TooManyBytes,
    /// On the list of common passwords.
    #[error("is one of the most common passwords; choose another")]
    Common,
    /// The person's own name or e-mail.
    #[error("must not be your own name or e-mail")]
    Personal,
    /// The one that has expired.
    #[error("must not be the password that has expired")]
    Unchanged,
}

impl Password {
    /// The new password in `text`: normalised, long enough, not too long, not a common one. Nothing is
    /// trimmed and no character is refused.
    ///
    /// # Errors
    /// The first rule broken. A text over [`PASSWORD_ATTEMPT_BYTES_MAX`] bytes is refused before it is
    /// looked at, because it could not be offered at the next check.
    pub fn parse(text: &str, policy: PasswordPolicy) -> Result<Self, PasswordError> {
        if text.len() > PASSWORD_ATTEMPT_BYTES_MAX {
            return Err(PasswordError::TooLong(policy.chars_max));
        }
        let normal = nfkc(text);
        let chars = normal.chars().count();
        if chars < policy.chars_min {
            return Err(PasswordError::TooShort(policy.chars_min));
        }
        if chars > policy.chars_max {
            return Err(PasswordError::TooLong(policy.chars_max));
        }
        if common::is_common(&case_folded(&normal)) {
            return Err(PasswordError::Common);
        }
        Ok(Self(normal))
    }

    /// Refuses the password of a person whose own `name` or e-mail it is: as written, canonical, or the part
    /// before the `@`, whatever the case. A password that merely contains one of them is accepted.
    ///
    /// # Errors
    /// [`PasswordError::Personal`].
    pub fn check_personal(&self, name: &DisplayName, email: &Email) -> Result<(), PasswordError> {
        let own = case_folded(&self.0);
        let written = email.as_written();
        let written_local = written.split(['@', '＠', '﹫']).next().unwrap_or_default();
        let canonical = email.canonical();
        let personal = [name.as_str(), written, written_local, canonical.as_str(), canonical.local()];
        if personal.iter().any(|text| *own == *case_folded(&nfkc(text))) {
            Err(PasswordError::Personal)
        } else {
            Ok(())
        }
    }

    /// Whether `attempt` is the same password.
    #[must_use]
    pub fn matches(&self, attempt: &PasswordAttempt) -> bool {
        *self.0 == *attempt.normalised()
    }

    /// Lets the secret out, for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PasswordAttempt {
    /// The attempt in `text`: 1 to [`PASSWORD_ATTEMPT_BYTES_MAX`] bytes of anything. No policy applies, so
    /// that a password stays usable after the policy became stricter.
    ///
    /// # Errors
    /// [`PasswordError::Empty`] and [`PasswordError::TooManyBytes`].
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        if text.len() > PASSWORD_ATTEMPT_BYTES_MAX {
            return Err(PasswordError::TooManyBytes);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Lets the secret out as it was typed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret in the form (NFKC) in which new passwords are hashed.
    #[must_use]
    pub fn normalised(&self) -> Zeroizing<String> {
        nfkc(&self.0)
    }
}

/// `text` in NFKC. Written into room that is enough, so that no outgrown buffer is left behind unwiped.
fn nfkc(text: &str) -> Zeroizing<String> {
    let room = if text.is_ascii() { text.len() } else { text.len() * NFKC_GROWTH_MAX };
    let mut normal = Zeroizing::new(String::with_capacity(room));
    // Writing to a `String` has no error.
    let _ = NFKC.normalize_to(text, &mut *normal);
    normal
}

/// `text` without differences of case, for comparing only.
fn case_folded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(CaseMapper::new().fold_string(text).into_owned())
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl fmt::Debug for PasswordAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordAttempt(..)")
    }
}
