//! Labels whose values are the variants of an enum, and a metric for each of them.
//!
//! Only such enums, the mounted routes and the version become labels, so user input never does. The library's `Family`
//! takes a lock to find a child; [`EnumFamily`] is an array.

use std::marker::PhantomData;

use userd_core::{StringEnum, string_enum};

use crate::instruments::Counter;

/// [`string_enum!`] for texts that say what their variants are; `docs/METRICS.md` says more.
macro_rules! label_values {
    ($($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal,)+ })+) => {
        $(string_enum! {
            $(#[$about])*
            pub enum $name {
                $(#[doc = concat!("`", $text, "`")] $variant = $text,)+
            }
        })+
    };
}

label_values! {
    /// Why the hash pool rejected a request.
    HashRejection { QueueFull = "queue-full", Timeout = "timeout", }

    /// How a run of the background consistency check ended.
    DoctorOutcome { Done = "done", Aborted = "aborted", }

    /// How a store call ended; `answered` is any result that is no error.
    StoreCallOutcome { Answered = "answered", Unavailable = "unavailable", Corrupt = "corrupt", }

    /// Why a change was not made, or found the remains of another one.
    StoreConflict {
        EmailTaken = "email-taken",
        VersionConflict = "version-conflict",
        Resharding = "resharding",
        ClaimTakenOver = "claim-taken-over",
    }

    /// What is sent to Redis in one round trip; `acknowledged-read` is a read that a decision rests on.
    RedisRoundTrip {
        Read = "read",
        AcknowledgedRead = "acknowledged-read",
        Script = "script",
        Pipeline = "pipeline",
        Server = "server",
    }

    /// Why a request to Redis is sent again.
    RedisRetry {
        Lost = "lost",
        Refused = "refused",
        Unacknowledged = "unacknowledged",
        Moved = "moved",
        Ask = "ask",
        Resharding = "resharding",
        Busy = "busy",
    }

    /// A method of the store contract; `docs/METRICS.md` says what each does.
    StoreCall {
        CreateUser = "create-user",
        ImportUsers = "import-users",
        ExportUsers = "export-users",
        User = "user",
        UserByEmail = "user-by-email",
        UsersCount = "users-count",
        UserListing = "user-listing",
        UpdateProfile = "update-profile",
        UpdatePassword = "update-password",
        UpdateStatus = "update-status",
        UpdatePasswordHash = "update-password-hash",
        DeleteUser = "delete-user",
        OpenSession = "open-session",
        Session = "session",
        Sessions = "sessions",
        TouchSession = "touch-session",
        RevokeSession = "revoke-session",
        RevokeOtherSessions = "revoke-other-sessions",
        ReplaceRefresh = "replace-refresh",
        RecordFailedSignIn = "record-failed-sign-in",
        Events = "events",
        Take = "take",
        Refund = "refund",
        Reset = "reset",
        Keys = "keys",
        ReplaceKey = "replace-key",
        CheckConsistency = "check-consistency",
        CheckHealth = "check-health",
    }
}

/// A metric for each value of a label.
#[derive(Debug)]
pub struct EnumFamily<L, M> {
    children: Box<[M]>,
    label: PhantomData<fn(L)>,
}

impl<L: StringEnum, M> EnumFamily<L, M> {
    pub(crate) fn new(child: impl Fn() -> M) -> Self {
        Self { children: L::NAMES.iter().map(|_| child()).collect(), label: PhantomData }
    }

    /// The metric of this value.
    #[must_use]
    pub fn get(&self, value: L) -> &M {
        &self.children[value.index()]
    }

    /// Each value with its metric.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &M)> {
        L::NAMES.iter().copied().zip(&self.children)
    }
}

impl<L: StringEnum, M: Default> Default for EnumFamily<L, M> {
    fn default() -> Self {
        Self::new(M::default)
    }
}

impl<L: StringEnum> EnumFamily<L, Counter> {
    /// Counts one of this value.
    pub fn inc(&self, value: L) {
        self.get(value).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_a_label_has_a_counter_of_its_own() {
        let family = EnumFamily::<RedisRetry, Counter>::default();
        for retry in RedisRetry::ALL {
            (0..=retry as u64).for_each(|_| family.inc(retry));
        }
        let counts: Vec<_> = family.iter().map(|(name, count)| (name, count.get())).collect();
        assert_eq!(counts, RedisRetry::NAMES.into_iter().zip(1..).collect::<Vec<_>>());
    }
}
