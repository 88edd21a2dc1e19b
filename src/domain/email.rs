//! PLACEHOLDER written so that other layers compile; the real canonicalisation replaces the bodies and
//! keeps these signatures.

use std::fmt;

/// The version of the canonicalisation, kept in every store.
pub const CANONICAL_VERSION: u32 = 1;

/// The longest e-mail address in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// An e-mail as the person wrote it, with its canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    canonical: CanonicalEmail,
}

/// The one spelling that stands for all spellings of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalEmail(String);

/// The rule that an address breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing there.
    #[error("must not be empty")]
    Empty,
    /// No `@`.
    #[error("must have one @")]
    NoAt,
}

impl Email {
    /// The address in `text`.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let written = text.trim().to_owned();
        let canonical = CanonicalEmail::parse(&written)?;
        Ok(Self { written, canonical })
    }

    /// As the person wrote it, trimmed.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The canonical form.
    #[must_use]
    pub fn canonical(&self) -> &CanonicalEmail {
        &self.canonical
    }

    /// Puts back together what a store kept, without canonicalising again.
    #[must_use]
    pub fn from_stored(written: String, canonical: CanonicalEmail) -> Self {
        Self { written, canonical }
    }
}

impl CanonicalEmail {
    /// The canonical form of the address in `text`.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        if text.trim().is_empty() {
            return Err(EmailError::Empty);
        }
        if text.matches('@').count() != 1 {
            return Err(EmailError::NoAt);
        }
        Ok(Self(text.trim().to_lowercase()))
    }

    /// What a store kept: only ever the text of a canonical form made under [`CANONICAL_VERSION`].
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CanonicalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
