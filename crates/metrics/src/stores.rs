//! The store: its calls as the contract has them, and below them what each implementation does for them.

use std::time::Duration;

use super::instruments::{AtomicCounter, AtomicGauge, GROUP_SIZES, Histogram, LabeledCounter, STORE_NS};

/// Enumerations of fieldless variants with a word each.
macro_rules! label_values {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$what])* $variant,)+
        }

        impl $name {
            /// The words, each at the place of its variant.
            pub const VALUES: &'static [&'static str] = &[$($word),+];

            /// The word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                Self::VALUES[self as usize]
            }
        }
    };
}

label_values! {
    /// A method of the store's contract.
    StoreCall {
        /// A user is added.
        CreateUser = "create-user",
        /// Users come in from another store or service.
        ImportUsers = "import-users",
        /// Users are read with their sessions.
        ExportUsers = "export-users",
        /// A user is looked up by id.
        User = "user",
        /// A user is looked up by e-mail.
        UserByEmail = "user-by-email",
        /// Users are counted.
        UsersCount = "users-count",
        /// Users are read in pages.
        UserListing = "user-listing",
        /// A name or an e-mail is changed.
        UpdateProfile = "update-profile",
        /// A password is changed.
        UpdatePassword = "update-password",
        /// An administrator rules about an account.
        UpdateStatus = "update-status",
        /// A hash is made again.
        UpdatePasswordHash = "update-password-hash",
        /// A user is removed.
        DeleteUser = "delete-user",
        /// A session is opened.
        OpenSession = "open-session",
        /// A session is looked up.
        Session = "session",
        /// Sessions are listed.
        Sessions = "sessions",
        /// A session's use is written.
        TouchSession = "touch-session",
        /// A session is ended.
        RevokeSession = "revoke-session",
        /// All other sessions are ended.
        RevokeOtherSessions = "revoke-other-sessions",
        /// A refresh token is used.
        ReplaceRefresh = "replace-refresh",
        /// A wrong password is written down.
        RecordFailedSignIn = "record-failed-sign-in",
        /// A history is read.
        Events = "events",
        /// A try is counted.
        Take = "take",
        /// A try is given back.
        Refund = "refund",
        /// An account's tries are forgotten.
        Reset = "reset",
        /// The service's keys are read.
        Keys = "keys",
        /// One of them is changed.
        ReplaceKey = "replace-key",
        /// The doctor looks at a portion.
        CheckConsistency = "check-consistency",
        /// The store is asked whether it can serve.
        CheckHealth = "check-health",
    }
}

label_values! {
    /// How a call ended.
    StoreCallOutcome {
        /// With an answer, whatever it says.
        Answered = "answered",
        /// Lost, slow, full or overloaded.
        Unavailable = "unavailable",
        /// What is kept can't be read.
        Corrupt = "corrupt",
    }
}

label_values! {
    /// What is sent to Redis in one piece.
    RedisRoundTrip {
        /// A read.
        Read = "read",
        /// A read that a verdict rests on.
        AcknowledgedRead = "acknowledged-read",
        /// A script: a step of a change.
        Script = "script",
        /// Many reads at once.
        Pipeline = "pipeline",
        /// A word to a server itself, such as PING.
        Server = "server",
    }
}

/// How changes run into each other.
const CONFLICT_KINDS: &[&str] = &["email-taken", "version-conflict", "resharding", "claim-taken-over", "other"];

/// Why something is sent to Redis once more.
const RETRY_REASONS: &[&str] = &["lost", "refused", "unacknowledged", "moved", "ask", "resharding", "busy", "other"];

/// The store so far.
#[derive(Debug)]
pub struct StoreMetrics {
    calls: Box<[StoreCallMetrics]>,
    /// Whether it answers: 1 or 0; set when somebody looks.
    pub up: AtomicGauge,
    /// Changes that ran into each other, by how.
    pub conflicts: LabeledCounter,
    /// Round trips to Redis.
    round_trips: Box<[Histogram]>,
    /// What was sent to Redis once more, by why.
    pub retries: LabeledCounter,
    /// Look-ups of the embedded store.
    pub sqlite_reads: AtomicCounter,
    /// Commits of the embedded store, each with its fsync.
    pub sqlite_commits: Histogram,
    /// How many changes shared a commit.
    pub sqlite_group_sizes: Histogram,
}

/// One call of the contract.
#[derive(Debug)]
pub(super) struct StoreCallMetrics {
    outcomes: Box<[AtomicCounter]>,
    pub(super) duration: Histogram,
}

impl StoreCallMetrics {
    /// Each outcome with its count.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        StoreCallOutcome::VALUES.iter().copied().zip(self.outcomes.iter().map(AtomicCounter::get))
    }
}

impl Default for StoreMetrics {
    fn default() -> Self {
        let calls = StoreCall::VALUES.iter().map(|_| StoreCallMetrics {
            outcomes: StoreCallOutcome::VALUES.iter().map(|_| AtomicCounter::default()).collect(),
            duration: Histogram::of_durations(STORE_NS),
        });
        Self {
            calls: calls.collect(),
            up: AtomicGauge::default(),
            conflicts: LabeledCounter::of(CONFLICT_KINDS),
            round_trips: RedisRoundTrip::VALUES.iter().map(|_| Histogram::of_durations(STORE_NS)).collect(),
            retries: LabeledCounter::of(RETRY_REASONS),
            sqlite_reads: AtomicCounter::default(),
            sqlite_commits: Histogram::of_durations(STORE_NS),
            sqlite_group_sizes: Histogram::of_sizes(GROUP_SIZES),
        }
    }
}

impl StoreMetrics {
    /// A call of the contract has ended.
    pub fn record_call(&self, call: StoreCall, outcome: StoreCallOutcome, duration: Duration) {
        let calls = &self.calls[call as usize];
        calls.outcomes[outcome as usize].add_one();
        calls.duration.observe_duration(duration);
    }

    /// An answer of Redis has come, or was waited for in vain.
    pub fn record_round_trip(&self, trip: RedisRoundTrip, duration: Duration) {
        self.round_trips[trip as usize].observe_duration(duration);
    }

    /// Each call that was ever made.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&'static str, &StoreCallMetrics)> {
        StoreCall::VALUES.iter().copied().zip(&*self.calls).filter(|(_, calls)| calls.duration.count() > 0)
    }

    /// Each kind of round trip that was ever made.
    pub(super) fn round_trips(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        RedisRoundTrip::VALUES
            .iter()
            .copied()
            .zip(&*self.round_trips)
            .filter(|(_, round_trips)| round_trips.count() > 0)
    }
}
