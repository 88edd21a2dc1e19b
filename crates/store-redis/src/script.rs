//! The Lua scripts: one row for each in the table below. What a script does is described in its own file.
//!
//! To add a script: the file in `scripts/`, one row here, one typed call (of the claim protocol: in `protocol`), and in
//! `scripts/self_test.lua` each Redis command that no other script uses.

use ::redis::{Cmd, ToRedisArgs};

/// Writes the enum of the scripts and everything that is known about each, from one table.
///
/// A row is: the variant, its text (a file in `scripts/`, after the library that it needs), and three properties.
macro_rules! scripts {
    (@text $file:literal) => {
        include_str!(concat!("scripts/", $file, ".lua"))
    };
    (@text $library:literal + $file:literal) => {
        concat!(include_str!(concat!("scripts/", $library, ".lua")), include_str!(concat!("scripts/", $file, ".lua")))
    };
    ($($(#[$doc:meta])* $name:ident = $file:literal $(+ $more:literal)?, $oom:ident, $ack:ident, $again:ident;)+) => {
        /// A script. Each runs on one shard and is atomic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub(super) enum Script {
            $($(#[$doc])* $name,)+
        }

        impl Script {
            /// Every script, at the index of its number.
            pub(super) const ALL: [Self; SCRIPT_COUNT] = [$(Self::$name,)+];

            fn properties(self) -> ScriptProperties {
                match self {
                    $(Self::$name => ScriptProperties {
                        body: scripts!(@text $file $(+ $more)?),
                        memory: MemoryPolicy::$oom,
                        acknowledgement: Acknowledgement::$ack,
                        repeat: Repeat::$again,
                    },)+
                }
            }
        }

        /// The number of scripts.
        pub(super) const SCRIPT_COUNT: usize = [$(Script::$name,)+].len();
    };
}

/// What is known about a script.
struct ScriptProperties {
    body: &'static str,
    memory: MemoryPolicy,
    acknowledgement: Acknowledgement,
    repeat: Repeat,
}

/// What happens to a script when the server's memory is full.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MemoryPolicy {
    /// It runs: it only shrinks or cleans up, or belongs to signing in and out and writes little, with an expiry.
    AllowOom,
    /// The server rejects it before its first write.
    DenyOom,
}

/// Whether the write has to be on replicas or disks before it is answered, if `redis.acknowledge` requires that.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Acknowledgement {
    /// It has to.
    Acked,
    /// It may be lost: a lost rate limit refills buckets, and a lost time of use ends a session earlier.
    Unacked,
}

/// Whether the script may be sent again after its answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// It may: a repeat changes nothing and answers as before, or (`RateLimitTake`) errs on the safe side.
    Retry,
    /// It may not: a repeat would act twice.
    Once,
}

scripts! {
    /// Creates the pending record of a sign-up.
    SignUpIntend = "sign_up_intend", DenyOom, Acked, Retry;
    /// Makes a pending record an active user.
    SignUpCommit = "sign_up_commit", DenyOom, Acked, Retry;
    /// Aborts a sign-up.
    SignUpAbort = "sign_up_abort", AllowOom, Acked, Retry;
    /// The intent of a sign-up for imported users, several at once.
    ImportIntend = "import_intend", DenyOom, Acked, Retry;
    /// The commit of a sign-up for imported users, several at once.
    ImportCommit = "import_commit", DenyOom, Acked, Retry;
    /// Compares and sets a claim.
    Claim = "claim", DenyOom, Acked, Retry;
    /// Deletes a claim.
    Release = "release", AllowOom, Acked, Retry;
    /// Removes one claim from the stale claims of a record.
    ClearStaleClaim = "clear_stale_claim", AllowOom, Acked, Retry;
    /// Records that an e-mail change begins.
    ChangeIntend = "change_intend", DenyOom, Acked, Retry;
    /// Makes the new e-mail address the user's.
    ChangeCommit = "change_commit", DenyOom, Acked, Retry;
    /// Aborts an e-mail change.
    ChangeAbort = "change_abort", AllowOom, Acked, Retry;
    /// Changes the record without touching a claim.
    Edit = "sessions" + "edit", DenyOom, Acked, Retry;
    /// Makes an active user a tombstone.
    DeleteUser = "delete_user", AllowOom, Acked, Retry;
    /// Decides whether a claim may be taken over.
    Resolve = "resolve", AllowOom, Acked, Retry;
    /// Sets the listing entries of one record.
    RepairListing = "repair_listing", DenyOom, Acked, Retry;
    /// Opens a session.
    OpenSession = "sessions" + "open_session", AllowOom, Acked, Retry;
    /// Revokes one session.
    RevokeSession = "sessions" + "revoke_session", AllowOom, Acked, Retry;
    /// Revokes all sessions but one.
    RevokeOtherSessions = "sessions" + "revoke_other_sessions", AllowOom, Acked, Retry;
    /// Records that a session was used.
    TouchSession = "sessions" + "touch_session", AllowOom, Unacked, Retry;
    /// Compares and sets the refresh state of a session.
    ReplaceRefresh = "sessions" + "replace_refresh", AllowOom, Acked, Retry;
    /// Appends a failed sign-in to the events.
    RecordFailedSignIn = "record_failed_sign_in", AllowOom, Unacked, Once;
    /// Takes a token from each of some buckets.
    RateLimitTake = "gcra" + "rate_limit_take", AllowOom, Unacked, Retry;
    /// Refunds a token to each of some buckets.
    RateLimitRefund = "gcra" + "rate_limit_refund", AllowOom, Unacked, Once;
    /// Refills buckets.
    RateLimitReset = "rate_limit_reset", AllowOom, Unacked, Retry;
    /// Compares and sets one of the service's own keys.
    ReplaceKey = "replace_key", AllowOom, Acked, Retry;
    /// Removes the sessions of a record that is not an active user.
    SweepSessions = "sweep_sessions", AllowOom, Acked, Retry;
    /// Gives the key space its store id, and reads it.
    StoreId = "store_id", DenyOom, Acked, Retry;
    /// Marks the key space with its versions, and reads them.
    Namespace = "namespace", DenyOom, Acked, Retry;
    /// Tests which commands are permitted.
    SelfTest = "self_test", DenyOom, Acked, Retry;
}

impl Script {
    /// The command that runs the script by its digest on `keys`; the arguments are appended to it.
    pub(super) fn evalsha(self, digests: &[String; SCRIPT_COUNT], keys: &[impl ToRedisArgs]) -> Cmd {
        let mut command = Cmd::new();
        command.arg("EVALSHA").arg(&digests[self as usize]).arg(keys.len()).arg(keys);
        command
    }

    /// The whole text, with its flags (Redis ≥ 7.0) and the prelude.
    pub(super) fn text(self) -> String {
        let ScriptProperties { body, memory, .. } = self.properties();
        let flags = match memory {
            MemoryPolicy::AllowOom => " flags=allow-oom",
            MemoryPolicy::DenyOom => "",
        };
        format!("#!lua{flags}\n{}{body}", include_str!("scripts/prelude.lua"))
    }

    /// Whether replicas or disks have to acknowledge what it writes, if `redis.acknowledge` requires that.
    pub(super) fn needs_acknowledgement(self) -> bool {
        self.properties().acknowledgement == Acknowledgement::Acked
    }

    /// Whether it may be sent again after its answer was lost.
    pub(super) fn is_repeatable(self) -> bool {
        self.properties().repeat == Repeat::Retry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_stands_at_its_number() {
        for (place, script) in Script::ALL.into_iter().enumerate() {
            assert_eq!(script as usize, place);
        }
    }
}
