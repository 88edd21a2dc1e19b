//! The events in an account's history. They never contain a secret.

use super::{Actor, Timestamp, UserId};

/// An event of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// Whose account.
    pub user: UserId,
    /// What happened.
    pub kind: EventKind,
    /// The time, by the clock of the node that did it.
    pub at: Timestamp,
    /// The actor.
    pub actor: Actor,
}

crate::string_enum! {
    /// What can happen to an account. The text is stored: variants are added, never renamed.
    pub enum EventKind {
        /// The account was created by sign-up.
        SignedUp = "signed-up",
        /// A session was opened by a sign-in.
        SignedIn = "signed-in",
        /// A sign-in had a wrong password.
        SignInFailed = "sign-in-failed",
        /// A session was ended by its own user.
        SignedOut = "signed-out",
        /// A session was ended from another session, or by a service.
        SessionRevoked = "session-revoked",
        /// All sessions, or all but one, were ended.
        SessionsRevoked = "sessions-revoked",
        /// A refresh token was used a second time; its session was ended.
        RefreshReused = "refresh-reused",
        /// The name changed, or the spelling of the same e-mail.
        ProfileChanged = "profile-changed",
        /// The e-mail changed.
        EmailChanged = "email-changed",
        /// The password changed.
        PasswordChanged = "password-changed",
        /// An administrator disabled the account; all sessions were ended.
        Disabled = "disabled",
        /// An administrator enabled the account again.
        Enabled = "enabled",
        /// An administrator expired the password; all sessions were ended.
        PasswordExpired = "password-expired",
        /// The account was imported from another service or store, with its password hash.
        Imported = "imported",
        /// The account was deleted.
        Deleted = "deleted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
    }
}
