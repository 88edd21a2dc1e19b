//! Passwords: the policy for new ones, attempts, and stored hashes.
//!
//! The rules are a length and a list of common passwords, as NIST SP 800-63B-4 (3.1.1.2) and OWASP ASVS 5 (6.2)
//! require: no composition rules, no strength meter. `service::hashing` computes hashes.
//!
//! Secrets are wiped when dropped and hidden in `Debug`. The wiping is best effort: buffers of the framework and of the
//! kernel had the same characters before.

mod common;
mod imported;
mod phc;
#[cfg(test)]
mod tests;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DisplayName, Email, SecretString, check_rules};

pub use imported::{
    IMPORTED_SALT_BYTES_MAX, ImportedHash, ImportedHashError, ImportedScheme, Pbkdf2Digest, Prehash,
    STORED_OUTPUT_BYTES_MAX,
};
pub use phc::{PASSWORD_HASH_BYTES_MAX, PasswordHash, PasswordHashError};

/// The longest password that is verified, in bytes; longer than any policy accepts.
///
/// It bounds the cost of normalisation and hashing: 1,024 bytes are at most 11 KiB in NFKC (the factor 11 of U+FDFA),
/// which Argon2 absorbs in microseconds.
pub const PASSWORD_ATTEMPT_BYTES_MAX: usize = 1024;

/// The lower bound of a policy's minimum: NIST SP 800-63B-4 (3.1.1.2) and OWASP ASVS 5 (6.2.1) allow no less, and the
/// list of common passwords has no shorter words.
pub const PASSWORD_CHARS_MIN_FLOOR: usize = 8;

/// The upper bound of a policy's maximum: this many characters of four bytes are [`PASSWORD_ATTEMPT_BYTES_MAX`].
pub const PASSWORD_CHARS_MAX_CEILING: usize = PASSWORD_ATTEMPT_BYTES_MAX / 4;

/// The smallest maximum that a policy may set: NIST SP 800-63B-4 (3.1.1.2) wants 64 characters accepted at least.
const PASSWORD_CHARS_MAX_FLOOR: usize = 64;

/// The most that NFKC lengthens a text in bytes (Unicode FAQ on normalisation; U+FDFA).
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
    /// 8 to 128 characters: the least that NIST SP 800-63B-4 allows, and twice the 64 that it requires verifiers to
    /// accept.
    fn default() -> Self {
        Self { chars_min: 8, chars_max: 128 }
    }
}

/// A new password that meets the policy, normalised (NFKC).
#[derive(Debug)]
pub struct Password(SecretString);

/// A password to verify: not empty and not longer than [`PASSWORD_ATTEMPT_BYTES_MAX`]. Kept as typed, since programs
/// that don't normalise hashed it so.
#[derive(Debug)]
pub struct PasswordAttempt(SecretString);

/// The rule that a password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// An empty attempt.
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
    /// The user's own name or e-mail.
    #[error("must not be your own name or e-mail")]
    Personal,
    /// The password that has expired.
    #[error("must not be the password that has expired")]
    Unchanged,
}

impl Password {
    /// Parses a new password: normalised, of the right length, not a common one. Nothing is trimmed and no character is
    /// rejected.
    ///
    /// # Errors
    /// The first rule that it breaks. A text over [`PASSWORD_ATTEMPT_BYTES_MAX`] bytes is rejected at once, because it
    /// could never be verified.
    pub fn parse(text: &str, policy: PasswordPolicy) -> Result<Self, PasswordError> {
        if text.len() > PASSWORD_ATTEMPT_BYTES_MAX {
            return Err(PasswordError::TooLong(policy.chars_max));
        }
        let normal = nfkc(text);
        let chars = normal.chars().count();
        check_rules([
            (chars < policy.chars_min, PasswordError::TooShort(policy.chars_min)),
            (chars > policy.chars_max, PasswordError::TooLong(policy.chars_max)),
        ])?;
        if common::is_common(&case_folded(&normal)) {
            return Err(PasswordError::Common);
        }
        Ok(Self(SecretString::new(normal)))
    }

    /// Rejects a password that is the user's own `name` or e-mail: as written, canonical, or the part before the `@`,
    /// in any case. A password that merely contains one of them is accepted.
    ///
    /// # Errors
    /// [`PasswordError::Personal`].
    pub fn check_personal(&self, name: &DisplayName, email: &Email) -> Result<(), PasswordError> {
        let own = case_folded(self.expose());
        let written = email.as_written();
        let written_local = written.split(['@', '＠', '﹫']).next().unwrap_or_default();
        let canonical = email.canonical();
        let personal = [name.as_str(), written, written_local, canonical.as_str(), canonical.local()];
        let is_personal = personal.iter().any(|text| *own == *case_folded(&nfkc(text)));
        if is_personal { Err(PasswordError::Personal) } else { Ok(()) }
    }

    /// Whether `attempt` is the same password.
    #[must_use]
    pub fn matches(&self, attempt: &PasswordAttempt) -> bool {
        self.expose() == attempt.normalised().as_str()
    }

    /// Exposes the secret, for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl PasswordAttempt {
    /// Parses an attempt: 1 to [`PASSWORD_ATTEMPT_BYTES_MAX`] bytes. No policy applies, so that a password stays valid
    /// when the policy becomes stricter.
    ///
    /// # Errors
    /// [`PasswordError::Empty`] and [`PasswordError::TooManyBytes`].
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        check_rules([
            (text.is_empty(), PasswordError::Empty),
            (text.len() > PASSWORD_ATTEMPT_BYTES_MAX, PasswordError::TooManyBytes),
        ])?;
        Ok(Self(SecretString::new(text.to_owned())))
    }

    /// Exposes the secret as typed.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The secret in NFKC, the form in which new passwords are hashed.
    #[must_use]
    pub fn normalised(&self) -> Zeroizing<String> {
        nfkc(self.expose())
    }
}

/// `text` in NFKC. The buffer is allocated large enough, so that no outgrown one stays unwiped.
fn nfkc(text: &str) -> Zeroizing<String> {
    let room = if text.is_ascii() { text.len() } else { text.len() * NFKC_GROWTH_MAX };
    let mut normal = Zeroizing::new(String::with_capacity(room));
    // Writing to a `String` has no error.
    let _ = NFKC.normalize_to(text, &mut *normal);
    normal
}

/// `text` without differences of case, for comparison only.
fn case_folded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(CaseMapper::new().fold_string(text).into_owned())
}
