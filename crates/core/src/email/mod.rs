//! E-mail addresses: what the person wrote, and the one canonical form that stands for all its spellings.
//!
//! Uniqueness, look-up and Redis keys are built on the canonical form alone, so [`CANONICAL_VERSION`] is kept
//! in every store and the rules in `canonical` never change under one version: a change that gives an
//! address that was accepted another canonical form needs a new version and a migration. Accepting
//! more than before needs neither. Whether a mailbox exists is not asked here.

mod canonical;
mod characters;
mod error;
mod prefix;
#[cfg(test)]
mod tests;

use std::fmt;

pub use error::{EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, EmailError};
pub use prefix::EmailPrefix;

/// The version of the canonicalisation, kept in every store.
pub const CANONICAL_VERSION: u32 = 1;

/// An e-mail as the person wrote it, with its canonical form.
///
/// The written form is trimmed and passed every rule of the canonical one: no control, invisible or
/// bidirectional control character is in it. It may still be spelled in full-width letters or upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    canonical: CanonicalEmail,
}

/// The one spelling that stands for all spellings of an address: at most [`EMAIL_BYTES_MAX`] bytes, one `@`,
/// a case-folded NFKC local part, a lower-case ASCII domain. Parsing it gives itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalEmail(String);

impl Email {
    /// The address in `text`.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let canonical = CanonicalEmail::parse(text)?;
        Ok(Self { written: text.trim().to_owned(), canonical })
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
        canonical::canonical_form(text).map(Self)
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

    /// The part before the `@`, canonical.
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
