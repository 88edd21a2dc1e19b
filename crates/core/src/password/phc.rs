//! Stored password hashes: PHC strings, checked for their shape only.
//!
//! `service::hashing` decides which schemes and costs it computes. A record with a hash that it rejects is still valid:
//! it can be read, listed and given a new password.

use zeroize::Zeroizing;

use crate::SecretString;

/// The longest stored hash, in bytes. The longest Argon2 hash has about 200: the scheme, the parameters, 48 bytes of
/// salt and 64 of output in Base64.
pub const PASSWORD_HASH_BYTES_MAX: usize = 512;

/// The longest scheme or parameter name (PHC string format, "Specification").
const NAME_BYTES_MAX: usize = 32;

/// A stored password hash: a PHC string (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`) with salt and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(SecretString);

/// The text is not a PHC string of at most [`PASSWORD_HASH_BYTES_MAX`] bytes with a salt and an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a PHC string")]
pub struct PasswordHashError;

impl PasswordHash {
    /// Parses a hash.
    ///
    /// # Errors
    /// If it is not a PHC string.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let is_phc = text.len() <= PASSWORD_HASH_BYTES_MAX && has_phc_shape(text);
        is_phc.then(|| Self(SecretString::new(text.to_owned()))).ok_or(PasswordHashError)
    }

    /// The reverse of [`split`](Self::split).
    ///
    /// # Errors
    /// If the two parts do not make a PHC string.
    pub fn join(head: &str, hash: &str) -> Result<Self, PasswordHashError> {
        if hash.contains('$') {
            return Err(PasswordHashError);
        }
        Self::parse(&Zeroizing::new(format!("{head}${hash}")))
    }

    /// Splits at the last `$`: scheme, parameters and salt; and the output. Redis stores them in two fields, since it
    /// keeps a hash compact only while all values have at most 64 bytes.
    #[must_use]
    pub fn split(&self) -> (&str, &str) {
        self.as_str().rsplit_once('$').unwrap_or((self.as_str(), ""))
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.expose()
    }
}

/// `$<id>[$v=<version>][$<param>=<value>(,<param>=<value>)*]$<salt>$<hash>`, the PHC string format.
fn has_phc_shape(text: &str) -> bool {
    let mut fields = text.split('$');
    if fields.next() != Some("") || !fields.next().is_some_and(is_name) {
        return false;
    }
    let mut rest: Vec<&str> = fields.collect();
    if rest.first().and_then(|field| field.strip_prefix("v=")).is_some_and(is_number) {
        rest.remove(0);
    }
    if rest.first().is_some_and(|field| field.split(',').all(is_parameter)) {
        rest.remove(0);
    }
    matches!(rest.as_slice(), [salt, hash] if is_value(salt) && is_value(hash))
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_parameter(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, value)| is_name(name) && is_value(value))
}

fn is_value(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+.-".contains(&b))
}
