//! Findings in their three states: repairable, repaired, manual.

use userd_core::UserId;
use userd_store::{Finding, FindingKind, FindingState, StoreError};

/// The finding for a key that a repair could not read. It does not end the pass.
///
/// # Errors
/// Any other error.
pub(super) fn unreadable_finding(user: Option<UserId>, error: StoreError) -> Result<Finding, StoreError> {
    match error {
        StoreError::Corrupt { key, source } => {
            Ok(manual_finding(FindingKind::Unreadable, user, key, source.to_string()))
        }
        unavailable @ StoreError::Unavailable(_) => Err(unavailable),
    }
}

/// The finding for something that a repair fixes, or has fixed if `repaired`.
pub(super) fn repairable_finding(
    kind: FindingKind,
    repaired: bool,
    user: Option<UserId>,
    place: impl Into<String>,
    detail: impl Into<String>,
) -> Finding {
    let state = if repaired { FindingState::Repaired } else { FindingState::Repairable };
    Finding { kind, state, user, place: place.into(), detail: detail.into() }
}

/// The finding for something that needs a decision by the operator.
pub(super) fn manual_finding(
    kind: FindingKind,
    user: Option<UserId>,
    place: impl Into<String>,
    detail: impl Into<String>,
) -> Finding {
    Finding { kind, state: FindingState::Manual, user, place: place.into(), detail: detail.into() }
}
