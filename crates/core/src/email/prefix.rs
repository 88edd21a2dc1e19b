//! The beginning of an address, for who looks for somebody.

use super::canonical::canonical_prefix;
use super::error::{EMAIL_BYTES_MAX, EmailError};

/// The beginning of a canonical e-mail, folded as the whole is: `Ann` finds `ann@example.org`.
///
/// A domain that is cut off in the middle can't be turned into its ASCII form, so after the `@` only ASCII is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailPrefix(String);

impl EmailPrefix {
    /// The beginning that `text` spells; empty text is that of all addresses.
    ///
    /// # Errors
    /// The rule that no address with this beginning can keep.
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
