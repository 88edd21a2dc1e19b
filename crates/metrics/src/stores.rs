//! The store: its calls as the contract has them, and below them what each implementation does for them.

use std::time::Duration;

use super::number::{Count, Counts, GROUP_SIZES, Histogram, Level, STORE_NS};

/// Enumerations of fieldless variants with a word each.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$what])* $variant,)+
        }

        impl $name {
            /// The words, each at the place of its variant.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                Self::WORDS[self as usize]
            }
        }
    };
}

words! {
    /// A method of the store's contract.
    Call {
        /// A user is added.
        InsertUser = "insert-user",
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
        Directory = "directory",
        /// A name or an e-mail is changed.
        ReplaceProfile = "replace-profile",
        /// A password is changed.
        ReplacePassword = "replace-password",
        /// An administrator rules about an account.
        ReplaceStanding = "replace-standing",
        /// A hash is made again.
        ReplacePasswordHash = "replace-password-hash",
        /// A user is removed.
        RemoveUser = "remove-user",
        /// A session is opened.
        OpenSession = "open-session",
        /// A session is looked up.
        Session = "session",
        /// Sessions are listed.
        Sessions = "sessions",
        /// A session's use is written.
        SeeSession = "see-session",
        /// A session is ended.
        EndSession = "end-session",
        /// All other sessions are ended.
        EndOtherSessions = "end-other-sessions",
        /// A refresh token is used.
        ReplaceRefresh = "replace-refresh",
        /// A wrong password is written down.
        NoteFailure = "note-failure",
        /// A history is read.
        Events = "events",
        /// A try is counted.
        Take = "take",
        /// A try is given back.
        GiveBack = "give-back",
        /// An account's tries are forgotten.
        Fill = "fill",
        /// The service's keys are read.
        Keys = "keys",
        /// One of them is changed.
        ReplaceKey = "replace-key",
        /// The doctor looks at a portion.
        Examine = "examine",
        /// The store is asked whether it can serve.
        Check = "check",
    }
}

words! {
    /// How a call ended.
    Outcome {
        /// With an answer, whatever it says.
        Answered = "answered",
        /// Lost, slow, full or overloaded.
        Unavailable = "unavailable",
        /// What is kept can't be read.
        Corrupt = "corrupt",
    }
}

words! {
    /// What is sent to Redis in one piece.
    Trip {
        /// A read.
        Read = "read",
        /// A read that a verdict rests on.
        ConfirmedRead = "confirmed-read",
        /// A script: a step of a change.
        Script = "script",
        /// Many reads at once.
        Pipeline = "pipeline",
        /// A word to a server itself, such as PING.
        Server = "server",
    }
}

/// How changes run into each other.
const CONFLICTS: &[&str] = &["taken", "stale", "moving", "taken-over", "other"];

/// Why something is sent to Redis once more.
const RETRIES: &[&str] = &["lost", "refused", "unconfirmed", "moved", "asked", "moving", "waited", "other"];

/// The store so far.
#[derive(Debug)]
pub struct Stores {
    calls: Box<[Calls]>,
    /// Whether it answers: 1 or 0; set when somebody looks.
    pub up: Level,
    /// Changes that ran into each other, by how.
    pub conflicts: Counts,
    /// Round trips to Redis.
    trips: Box<[Histogram]>,
    /// What was sent to Redis once more, by why.
    pub retries: Counts,
    /// Look-ups of the embedded store.
    pub sqlite_reads: Count,
    /// Commits of the embedded store, each with its fsync.
    pub sqlite_commits: Histogram,
    /// How many changes shared a commit.
    pub sqlite_group_sizes: Histogram,
}

/// One call of the contract.
#[derive(Debug)]
pub(super) struct Calls {
    outcomes: Box<[Count]>,
    pub(super) took: Histogram,
}

impl Calls {
    /// Each outcome with its count.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::WORDS.iter().copied().zip(self.outcomes.iter().map(Count::get))
    }
}

impl Default for Stores {
    fn default() -> Self {
        let calls = Call::WORDS.iter().map(|_| Calls {
            outcomes: Outcome::WORDS.iter().map(|_| Count::default()).collect(),
            took: Histogram::of_durations(STORE_NS),
        });
        Self {
            calls: calls.collect(),
            up: Level::default(),
            conflicts: Counts::of(CONFLICTS),
            trips: Trip::WORDS.iter().map(|_| Histogram::of_durations(STORE_NS)).collect(),
            retries: Counts::of(RETRIES),
            sqlite_reads: Count::default(),
            sqlite_commits: Histogram::of_durations(STORE_NS),
            sqlite_group_sizes: Histogram::of_sizes(GROUP_SIZES),
        }
    }
}

impl Stores {
    /// A call of the contract has ended.
    pub fn called(&self, call: Call, outcome: Outcome, took: Duration) {
        let calls = &self.calls[call as usize];
        calls.outcomes[outcome as usize].add_one();
        calls.took.took(took);
    }

    /// An answer of Redis has come, or was waited for in vain.
    pub fn went(&self, trip: Trip, took: Duration) {
        self.trips[trip as usize].took(took);
    }

    /// Each call that was ever made.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&'static str, &Calls)> {
        Call::WORDS.iter().copied().zip(&*self.calls).filter(|(_, calls)| calls.took.count() > 0)
    }

    /// Each kind of round trip that was ever made.
    pub(super) fn trips(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        Trip::WORDS.iter().copied().zip(&*self.trips).filter(|(_, trips)| trips.count() > 0)
    }
}
