//! What both parts of the consistency check report with.

use userd_store::{Finding, FindingKind, FindingState};

/// A finding without an unambiguous fix.
pub(super) fn manual_finding(kind: FindingKind, place: impl Into<String>, detail: String) -> Finding {
    Finding { kind, state: FindingState::Manual, user: None, place: place.into(), detail }
}

/// Whether SQLite found a damaged page.
pub(super) fn is_corruption(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
