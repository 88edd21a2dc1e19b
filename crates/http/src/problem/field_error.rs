//! A mistake in one field, as `errors` of a problem has it.

use serde::Serialize;

/// One mistake in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// What is wrong; goes on after the field's name: "must not be empty".
    pub(crate) detail: String,
    /// The field (RFC 6901).
    pub(crate) pointer: String,
}

impl FieldError {
    /// The field `name`, which is a plain word, breaks the rule in `detail`.
    pub(super) fn new(name: &str, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), pointer: format!("/{name}") }
    }

    /// The mistake as a sentence about the field.
    pub(crate) fn sentence(&self) -> String {
        format!("{} {}", self.pointer.trim_start_matches('/'), self.detail)
    }
}
