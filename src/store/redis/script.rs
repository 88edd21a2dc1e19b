//! The scripts of the claim protocol as Redis runs them: their text, their names, their rights under memory
//! pressure. What each does is told in its own file.

use ::redis::{Cmd, ToRedisArgs};

/// One script. Runs on one shard, atomic, and may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Script {
    /// C1.
    SignUpIntend,
    /// C3.
    SignUpCommit,
    /// Gives a sign-up up.
    SignUpAbort,
    /// C2.
    Claim,
    /// Takes a claim back.
    Release,
    /// Strikes a claim off a record's list.
    ReleaseClear,
    /// X1.
    ChangeIntend,
    /// X3.
    ChangeCommit,
    /// Gives a change up.
    ChangeAbort,
    /// A change within the record.
    Edit,
    /// D1.
    Remove,
    /// Judges a holder's claim.
    Resolve,
    /// Sets the listing entries of one record.
    Relist,
    /// Marks and reads the key space's versions.
    Namespace,
    /// Finds out which commands are permitted.
    SelfTest,
}

/// How many scripts there are.
pub(super) const SCRIPTS: usize = 15;

impl Script {
    /// Every script, each at the place of its number.
    pub(super) const ALL: [Self; SCRIPTS] = [
        Self::SignUpIntend,
        Self::SignUpCommit,
        Self::SignUpAbort,
        Self::Claim,
        Self::Release,
        Self::ReleaseClear,
        Self::ChangeIntend,
        Self::ChangeCommit,
        Self::ChangeAbort,
        Self::Edit,
        Self::Remove,
        Self::Resolve,
        Self::Relist,
        Self::Namespace,
        Self::SelfTest,
    ];

    /// The script's number, its place in [`Script::ALL`].
    pub(super) fn number(self) -> usize {
        self as usize
    }

    /// The command that runs it by its digest on `keys`; arguments may follow.
    pub(super) fn evalsha(self, digests: &[String; SCRIPTS], keys: &[impl ToRedisArgs]) -> Cmd {
        let mut command = Cmd::new();
        command.arg("EVALSHA").arg(&digests[self.number()]).arg(keys.len()).arg(keys);
        command
    }

    /// The whole text, with its flags (Redis ≥ 7.0).
    pub(super) fn text(self) -> String {
        format!("#!lua{}\n{}{}", self.flags(), include_str!("scripts/prelude.lua"), self.body())
    }

    /// What only shrinks or cleans up must work when memory is exhausted; all else is refused there before
    /// its first write.
    fn flags(self) -> &'static str {
        match self {
            Self::SignUpAbort
            | Self::Release
            | Self::ReleaseClear
            | Self::ChangeAbort
            | Self::Remove
            | Self::Resolve => " flags=allow-oom",
            Self::SignUpIntend
            | Self::SignUpCommit
            | Self::Claim
            | Self::ChangeIntend
            | Self::ChangeCommit
            | Self::Edit
            | Self::Relist
            | Self::Namespace
            | Self::SelfTest => "",
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::SignUpIntend => include_str!("scripts/sign_up_intend.lua"),
            Self::SignUpCommit => include_str!("scripts/sign_up_commit.lua"),
            Self::SignUpAbort => include_str!("scripts/sign_up_abort.lua"),
            Self::Claim => include_str!("scripts/claim.lua"),
            Self::Release => include_str!("scripts/release.lua"),
            Self::ReleaseClear => include_str!("scripts/release_clear.lua"),
            Self::ChangeIntend => include_str!("scripts/change_intend.lua"),
            Self::ChangeCommit => include_str!("scripts/change_commit.lua"),
            Self::ChangeAbort => include_str!("scripts/change_abort.lua"),
            Self::Edit => include_str!("scripts/edit.lua"),
            Self::Remove => include_str!("scripts/remove.lua"),
            Self::Resolve => include_str!("scripts/resolve.lua"),
            Self::Relist => include_str!("scripts/relist.lua"),
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
