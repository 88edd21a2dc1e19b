//! An error and its causes in one line, for logs and messages.

use std::error::Error;

/// The texts of `error` and its causes, with `: ` between them.
#[must_use]
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // Some errors repeat their cause in their own text.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
