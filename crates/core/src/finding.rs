//! What the consistency check finds, and what can be done about it: the names that reports, logs and metrics share.
//!
//! How a store finds them is the store's business.

crate::string_enum! {
    /// A kind of inconsistency in a store.
    pub enum FindingKind {
        /// A user's e-mail has no claim that names the user: look-ups by e-mail miss the account.
        MissingClaim = "missing-claim",
        /// Two existing users have one e-mail. Only after a loss of data; neither is deleted.
        DuplicateEmail = "duplicate-email",
        /// A claim whose user has another e-mail, or does not exist.
        OrphanedClaim = "orphaned-claim",
        /// A sign-up or an e-mail change that was neither committed nor aborted within its time limit.
        OverdueIntent = "overdue-intent",
        /// A record still lists claims that are to be released.
        UnreleasedClaim = "unreleased-claim",
        /// A user is missing in a listing.
        MissingListing = "missing-listing",
        /// A listing has an entry without a user.
        StaleListing = "stale-listing",
        /// A session whose user does not exist.
        OrphanedSession = "orphaned-session",
        /// The stored count is not the number of users.
        CountMismatch = "count-mismatch",
        /// The stored canonical e-mail is not that of the e-mail as written.
        CanonicalMismatch = "canonical-mismatch",
        /// Shards without the mark of their store, or with that of another: their data is lost or foreign.
        LostShard = "lost-shard",
        /// A record can't be parsed.
        Unreadable = "unreadable",
        /// A key among the users' keys that userd does not write.
        UnknownKey = "unknown-key",
        /// The database file contradicts itself.
        DamagedFile = "damaged-file",
    }
}

crate::string_enum! {
    /// What became of a finding.
    pub enum FindingState {
        /// It was repaired just now.
        Repaired = "repaired",
        /// A repair would fix it.
        Repairable = "repairable",
        /// Its fix is ambiguous: an operator decides.
        Manual = "manual",
    }
}
