//! Prefixes of e-mail addresses, for searching.

use super::canonical::canonical_prefix;
use super::error::{EMAIL_BYTES_MAX, EmailError};

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
        canonical_prefix(text).map(Self)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
