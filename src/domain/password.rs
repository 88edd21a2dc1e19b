//! PLACEHOLDER written so that other layers compile; the real rules replace the bodies and keep these
//! signatures.

use std::fmt;

use zeroize::Zeroizing;

/// The longest password that is taken for a check, in bytes; longer than any that a policy lets in.
pub const PASSWORD_ATTEMPT_BYTES_MAX: usize = 1024;

/// How long a new password has to be and may be, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The fewest characters.
    pub chars_min: usize,
    /// The most characters.
    pub chars_max: usize,
}

/// A new password that the policy accepts, normalised (NFKC).
pub struct Password(Zeroizing<String>);

/// What somebody offers as their password: not empty, not absurdly long, otherwise anything.
pub struct PasswordAttempt(Zeroizing<String>);

/// What is kept of a password: a PHC string (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// The rule that a password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// Too many characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// On the list of common passwords.
    #[error("is one of the most common passwords; choose another")]
    Common,
    /// The person's own name or e-mail.
    #[error("must not be your own name or e-mail")]
    Personal,
}

/// The text is no PHC string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a PHC string")]
pub struct PasswordHashError;

impl Password {
    /// The new password in `text`.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(text: &str, policy: PasswordPolicy) -> Result<Self, PasswordError> {
        if text.chars().count() < policy.chars_min {
            return Err(PasswordError::TooShort(policy.chars_min));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Refuses the password of a person whose own `name` or e-mail it is.
    ///
    /// # Errors
    /// [`PasswordError::Personal`].
    pub fn check_personal(&self, _name: &super::Name, _email: &super::Email) -> Result<(), PasswordError> {
        Ok(())
    }

    /// Lets the secret out, for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PasswordAttempt {
    /// The attempt in `text`.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Lets the secret out as it was typed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PasswordHash {
    /// The hash in `text`.
    ///
    /// # Errors
    /// If it is no PHC string.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        if text.starts_with('$') { Ok(Self(text.to_owned())) } else { Err(PasswordHashError) }
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
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
