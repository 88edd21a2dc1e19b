//! The scripts as Redis runs them: their text, their names, their rights under memory
//! pressure. What each does is told in its own file.

use ::redis::{Cmd, ToRedisArgs};

/// The text of a script that needs to know what sessions look like.
macro_rules! session_script {
    ($name:literal) => {
        concat!(include_str!("scripts/sessions.lua"), include_str!(concat!("scripts/", $name, ".lua")))
    };
}

/// The text of a script that needs to know how tries are counted.
macro_rules! rate_limit_script {
    ($name:literal) => {
        concat!(include_str!("scripts/gcra.lua"), include_str!(concat!("scripts/", $name, ".lua")))
    };
}

/// One script. Runs on one shard, atomic, and may be sent again, but for [`Script::is_non_idempotent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Script {
    /// C1.
    SignUpIntend,
    /// C3.
    SignUpCommit,
    /// Gives a sign-up up.
    SignUpAbort,
    /// C1 of users who come from elsewhere, several at once.
    ImportIntend,
    /// C3 of them.
    ImportCommit,
    /// C2.
    Claim,
    /// Takes a claim back.
    Release,
    /// Strikes a claim off a record's list.
    ClearStaleClaim,
    /// X1.
    ChangeIntend,
    /// X3.
    ChangeCommit,
    /// Gives a change up.
    ChangeAbort,
    /// A change within the record.
    Edit,
    /// D1.
    DeleteUser,
    /// Judges a holder's claim.
    Resolve,
    /// Sets the listing entries of one record.
    RepairListing,
    /// Signs in.
    OpenSession,
    /// Ends one session.
    RevokeSession,
    /// Ends all sessions but one.
    RevokeOtherSessions,
    /// Writes that a session was used.
    TouchSession,
    /// Puts a session's next refresh state in the place of another.
    ReplaceRefresh,
    /// Writes that a password was wrong.
    RecordFailedSignIn,
    /// Takes one from each of some buckets.
    RateLimitTake,
    /// Gives one back to each of some buckets.
    RateLimitRefund,
    /// Fills buckets.
    RateLimitReset,
    /// Puts one of the service's own keys in the place of another.
    ReplaceKey,
    /// Removes sessions of somebody who is no active user.
    SweepSessions,
    /// Marks and reads the key space's versions.
    Namespace,
    /// Finds out which commands are permitted.
    SelfTest,
}

/// How many scripts there are.
pub(super) const SCRIPT_COUNT: usize = 28;

impl Script {
    /// Every script, each at the place of its number.
    pub(super) const ALL: [Self; SCRIPT_COUNT] = [
        Self::SignUpIntend,
        Self::SignUpCommit,
        Self::SignUpAbort,
        Self::ImportIntend,
        Self::ImportCommit,
        Self::Claim,
        Self::Release,
        Self::ClearStaleClaim,
        Self::ChangeIntend,
        Self::ChangeCommit,
        Self::ChangeAbort,
        Self::Edit,
        Self::DeleteUser,
        Self::Resolve,
        Self::RepairListing,
        Self::OpenSession,
        Self::RevokeSession,
        Self::RevokeOtherSessions,
        Self::TouchSession,
        Self::ReplaceRefresh,
        Self::RecordFailedSignIn,
        Self::RateLimitTake,
        Self::RateLimitRefund,
        Self::RateLimitReset,
        Self::ReplaceKey,
        Self::SweepSessions,
        Self::Namespace,
        Self::SelfTest,
    ];

    /// The script's number, its place in [`Script::ALL`].
    pub(super) fn number(self) -> usize {
        self as usize
    }

    /// The command that runs it by its digest on `keys`; arguments may follow.
    pub(super) fn evalsha(self, digests: &[String; SCRIPT_COUNT], keys: &[impl ToRedisArgs]) -> Cmd {
        let mut command = Cmd::new();
        command.arg("EVALSHA").arg(&digests[self.number()]).arg(keys.len()).arg(keys);
        command
    }

    /// The whole text, with its flags (Redis ≥ 7.0).
    pub(super) fn text(self) -> String {
        format!("#!lua{}\n{}{}", self.flags(), include_str!("scripts/prelude.lua"), self.body())
    }

    /// What only shrinks or cleans up must work when memory is exhausted, and so must signing in and out, which writes
    /// little that does not end by itself; all else is refused there before its first write.
    fn flags(self) -> &'static str {
        match self {
            Self::SignUpAbort
            | Self::Release
            | Self::ClearStaleClaim
            | Self::ChangeAbort
            | Self::DeleteUser
            | Self::Resolve
            | Self::OpenSession
            | Self::RevokeSession
            | Self::RevokeOtherSessions
            | Self::TouchSession
            | Self::ReplaceRefresh
            | Self::RecordFailedSignIn
            | Self::RateLimitTake
            | Self::RateLimitRefund
            | Self::RateLimitReset
            | Self::ReplaceKey
            | Self::SweepSessions => " flags=allow-oom",
            Self::SignUpIntend
            | Self::SignUpCommit
            | Self::ImportIntend
            | Self::ImportCommit
            | Self::Claim
            | Self::ChangeIntend
            | Self::ChangeCommit
            | Self::Edit
            | Self::RepairListing
            | Self::Namespace
            | Self::SelfTest => "",
        }
    }

    /// Whether what it writes has to be on replicas and disks before it is answered, where the operator asks for
    /// that. Not what may be lost: a loss of counts fills buckets, and one of last uses ends a session sooner.
    pub(super) fn needs_acknowledgement(self) -> bool {
        !matches!(
            self,
            Self::TouchSession
                | Self::RecordFailedSignIn
                | Self::RateLimitTake
                | Self::RateLimitRefund
                | Self::RateLimitReset
        )
    }

    /// Whether it is not sent again after an answer that got lost: it would do the same twice.
    pub(super) fn is_non_idempotent(self) -> bool {
        matches!(self, Self::RecordFailedSignIn | Self::RateLimitRefund)
    }

    fn body(self) -> &'static str {
        match self {
            Self::SignUpIntend => include_str!("scripts/sign_up_intend.lua"),
            Self::SignUpCommit => include_str!("scripts/sign_up_commit.lua"),
            Self::SignUpAbort => include_str!("scripts/sign_up_abort.lua"),
            Self::ImportIntend => include_str!("scripts/import_intend.lua"),
            Self::ImportCommit => include_str!("scripts/import_commit.lua"),
            Self::Claim => include_str!("scripts/claim.lua"),
            Self::Release => include_str!("scripts/release.lua"),
            Self::ClearStaleClaim => include_str!("scripts/clear_stale_claim.lua"),
            Self::ChangeIntend => include_str!("scripts/change_intend.lua"),
            Self::ChangeCommit => include_str!("scripts/change_commit.lua"),
            Self::ChangeAbort => include_str!("scripts/change_abort.lua"),
            Self::Edit => session_script!("edit"),
            Self::DeleteUser => include_str!("scripts/delete_user.lua"),
            Self::Resolve => include_str!("scripts/resolve.lua"),
            Self::RepairListing => include_str!("scripts/repair_listing.lua"),
            Self::OpenSession => session_script!("open_session"),
            Self::RevokeSession => session_script!("revoke_session"),
            Self::RevokeOtherSessions => session_script!("revoke_other_sessions"),
            Self::TouchSession => session_script!("touch_session"),
            Self::ReplaceRefresh => session_script!("replace_refresh"),
            Self::RecordFailedSignIn => include_str!("scripts/record_failed_sign_in.lua"),
            Self::RateLimitTake => rate_limit_script!("rate_limit_take"),
            Self::RateLimitRefund => rate_limit_script!("rate_limit_refund"),
            Self::RateLimitReset => include_str!("scripts/rate_limit_reset.lua"),
            Self::ReplaceKey => include_str!("scripts/replace_key.lua"),
            Self::SweepSessions => include_str!("scripts/sweep_sessions.lua"),
            Self::Namespace => include_str!("scripts/namespace.lua"),
            Self::SelfTest => include_str!("scripts/self_test.lua"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_stands_at_its_number() {
        for (place, script) in Script::ALL.into_iter().enumerate() {
            assert_eq!(script.number(), place);
        }
    }
}
