//! What the doctor asks of a store, and what it is told: portions, places, findings. Plain values; how each store
//! looks at itself is in the store.

use std::fmt;

use userd_core::{CanonicalEmail, FindingKind, FindingState, UserId};

/// Where a pass stands: opaque to everybody but the store that gave it. Its text can be kept and read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckCursor(String);

impl CheckCursor {
    /// Where a pass begins.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// The place that this text, which a store wrote, stands for.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text of the place; empty at the start.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is to be done about what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckMode {
    /// Nothing: look only.
    Report,
    /// Mend what can be mended without guessing.
    Repair,
}

/// What to look at in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckBatch {
    /// Where to go on.
    pub from: CheckCursor,
    /// About how many records, claims or entries to look at; a store may look at a few more or fewer.
    pub size: usize,
    /// What to do about what is found.
    pub mode: CheckMode,
}

/// What one call looked at and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Active users seen.
    pub users: u64,
    /// Everything looked at, those users among it: records, claims, entries of listings.
    pub records_checked: u64,
    /// How many users the store counts, told once at the beginning: for showing progress, and for nothing else.
    pub expected: Option<u64>,
    /// What does not fit.
    pub findings: Vec<Finding>,
    /// Keys changed their servers during the pass, so that some may not have been met.
    pub topology_changed: bool,
    /// Where to go on; `None` after the last portion.
    pub next: Option<CheckCursor>,
}

impl CheckReport {
    /// Adds what another look, at something else, came to.
    pub fn merge(&mut self, other: Self) {
        self.users += other.users;
        self.records_checked += other.records_checked;
        self.findings.extend(other.findings);
    }
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// What became of it.
    pub state: FindingState,
    /// Whose it is, where that is known.
    pub user: Option<UserId>,
    /// Where in the store it lies; never with a whole e-mail.
    pub place: String,
    /// What is wrong, in a few words; never with a whole e-mail or another value of the user.
    pub detail: String,
}

/// An e-mail as it may be shown: its first letter and its domain.
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
