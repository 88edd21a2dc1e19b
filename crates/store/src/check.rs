//! The consistency check: a batch of records in, a report of findings out.
//!
//! How a store checks itself is the store's business. To add a kind of finding: a variant of
//! [`FindingKind`], and a row in `docs/operations/doctor.md`.

use async_trait::async_trait;
use userd_core::{CanonicalEmail, FindingKind, FindingState, Timestamp, UserId};

use crate::error::StoreError;

/// Checking a store for consistency, in batches.
#[async_trait]
pub trait ConsistencyCheck: Send + Sync + 'static {
    /// Checks the next batch of records; with [`CheckMode::Repair`] it also fixes what has an unambiguous fix.
    ///
    /// A run begins at [`CheckCursor::start`] and ends when the report has no `next`. It may take place at any moment,
    /// beside any load and beside other runs. Each round trip within has the store's own time limit.
    ///
    /// - **Complete:** a record that existed during the whole run has been checked, unless a report says
    ///   `topology_changed`.
    /// - **Idempotent:** the same batch may be checked again.
    /// - **No false alarms:** an operation in flight, within its time limit, is no finding.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store can't be read; the cursor stays valid. A record that can't be parsed is
    /// a finding and no error.
    async fn check_batch(&self, batch: &CheckBatch, now: Timestamp) -> Result<CheckReport, StoreError>;
}

/// A position within a run, opaque to all but the store that made it. Its text can be stored and read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckCursor(String);

impl CheckCursor {
    /// The beginning of a run.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// The cursor that a store wrote as this text.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text; empty at the start.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What happens to findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckMode {
    /// They are reported only.
    Report,
    /// Those with an unambiguous fix are repaired.
    Repair,
}

/// What to check in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckBatch {
    /// Where to continue.
    pub from: CheckCursor,
    /// About how many records, claims or entries to check; a store may check a few more or fewer.
    pub size: usize,
    /// What happens to findings.
    pub mode: CheckMode,
}

/// What one call checked and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Active users seen.
    pub users: u64,
    /// Everything checked, those users included: records, claims, entries of listings.
    pub records_checked: u64,
    /// The number of users that the store counts, in the first report only: for a progress display.
    pub expected: Option<u64>,
    /// The inconsistencies.
    pub findings: Vec<Finding>,
    /// Slots moved between servers during the run, so that some keys may have been missed.
    pub topology_changed: bool,
    /// Where to continue; `None` after the last batch.
    pub next: Option<CheckCursor>,
}

impl CheckReport {
    /// Adds the report of another part of the batch.
    pub fn merge(&mut self, other: Self) {
        self.users += other.users;
        self.records_checked += other.records_checked;
        self.findings.extend(other.findings);
    }
}

/// One inconsistency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// What became of it.
    pub state: FindingState,
    /// The user that it concerns, if known.
    pub user: Option<UserId>,
    /// The location in the store; an e-mail in it is masked.
    pub place: String,
    /// What is wrong, in a few words; without a complete e-mail or another value of the user.
    pub detail: String,
}

/// An e-mail for logs and reports: its first letter and its domain.
#[must_use]
pub fn mask_email(email: &CanonicalEmail) -> String {
    let text = email.as_str();
    let first: String = text.chars().take(1).collect();
    let domain = text.rsplit('@').next().unwrap_or_default();
    format!("{first}…@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_email_keeps_its_first_letter_and_its_domain() {
        let email = CanonicalEmail::parse("ada.lovelace@example.org").expect("an address");
        assert_eq!(mask_email(&email), "a…@example.org");
    }
}
