//! An invalid field, an item of a problem's `errors`.

use serde::Serialize;

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// The broken rule; follows the field's name: "must not be empty".
    pub(crate) detail: String,
    /// The field (RFC 6901).
    pub(crate) pointer: String,
}

impl FieldError {
    /// The field `name`, which is a plain word, breaks the rule in `detail`.
    pub(super) fn new(name: &str, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), pointer: format!("/{name}") }
    }

    /// The error as a sentence about the field.
    pub(crate) fn sentence(&self) -> String {
        format!("{} {}", self.pointer.trim_start_matches('/'), self.detail)
    }
}
