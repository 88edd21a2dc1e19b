//! E-mail addresses: the address as written, and the canonical form of all its spellings.
//!
//! **Invariant:** uniqueness, look-up and Redis keys depend on the canonical form alone. Every store has its
//! [`CANONICAL_VERSION`], and the rules in `canonical` never change within a version: a change that gives an accepted
//! address another canonical form needs a new version and a migration. Accepting more addresses needs neither. userd
//! does not check here whether a mailbox exists.

mod canonical;
mod characters;
mod error;
#[cfg(test)]
mod tests;

use std::fmt;

pub use error::{EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, EmailError};

/// The version of the canonical form, which every store records.
pub const CANONICAL_VERSION: u32 = 1;

/// An e-mail as written, with its canonical form.
///
/// The written form is trimmed and passes every rule of the canonical one: it has no control, invisible or
/// bidirectional control characters. It may have full-width letters and upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    canonical: CanonicalEmail,
}

/// The canonical spelling of an address: at most [`EMAIL_BYTES_MAX`] bytes, one `@`, a case-folded NFKC local part, a
/// lower-case ASCII domain. Parsing it returns the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalEmail(String);

impl Email {
    /// Parses an address.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let canonical = CanonicalEmail::parse(text)?;
        Ok(Self { written: text.trim().to_owned(), canonical })
    }

    /// As written, trimmed.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The canonical form.
    #[must_use]
    pub fn canonical(&self) -> &CanonicalEmail {
        &self.canonical
    }

    /// Restores a stored e-mail without canonicalising it again.
    #[must_use]
    pub fn from_stored(written: String, canonical: CanonicalEmail) -> Self {
        Self { written, canonical }
    }
}

impl CanonicalEmail {
    /// Parses an address into its canonical form.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        canonical::canonical_form(text).map(Self)
    }

    /// Wraps stored text, which must be a canonical form of [`CANONICAL_VERSION`].
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The local part, canonical.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }
}

impl fmt::Display for CanonicalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A prefix of a canonical e-mail, folded as the whole is: `Ann` finds `ann@example.org`.
///
/// A truncated domain has no ASCII form, so only ASCII is accepted after the `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailPrefix(String);

impl EmailPrefix {
    /// Parses a prefix; an empty one matches all addresses.
    ///
    /// # Errors
    /// The rule that every address with this prefix breaks.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.len() > EMAIL_BYTES_MAX {
            return Err(EmailError::TooLong);
        }
        canonical::canonical_prefix(text).map(Self)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
