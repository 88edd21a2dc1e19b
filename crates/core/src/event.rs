//! What happened to an account, for its history. No secret is ever in it.

use super::{Actor, Timestamp, UserId};

/// One thing that happened to one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// To whom.
    pub user: UserId,
    /// What.
    pub kind: EventKind,
    /// When, by the clock of the userd that did it.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
}

/// What can happen to an account. A word is kept for ever: added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Became a user.
    SignedUp,
    /// Signed in: a session was opened.
    SignedIn,
    /// Somebody gave a wrong password at sign-in.
    SignInFailed,
    /// Signed out: the session was ended by itself.
    SignedOut,
    /// A session was ended from another one, or by a service.
    SessionRevoked,
    /// All sessions, or all but one, were ended.
    SessionsRevoked,
    /// A refresh token was used a second time; its session was ended.
    RefreshReused,
    /// Took another name, or another spelling of the same e-mail.
    ProfileChanged,
    /// Took another e-mail.
    EmailChanged,
    /// Took another password.
    PasswordChanged,
    /// An administrator shut the account; all sessions were ended.
    Disabled,
    /// An administrator opened the account again.
    Enabled,
    /// An administrator declared the password expired; all sessions were ended.
    PasswordExpired,
    /// Came from another service or store, with what was their password there.
    Imported,
    /// Is no user any more.
    Deleted,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::SignedUp,
        Self::SignedIn,
        Self::SignInFailed,
        Self::SignedOut,
        Self::SessionRevoked,
        Self::SessionsRevoked,
        Self::RefreshReused,
        Self::ProfileChanged,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::Disabled,
        Self::Enabled,
        Self::PasswordExpired,
        Self::Imported,
        Self::Deleted,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedUp => "signed-up",
            Self::SignedIn => "signed-in",
            Self::SignInFailed => "sign-in-failed",
            Self::SignedOut => "signed-out",
            Self::SessionRevoked => "session-revoked",
            Self::SessionsRevoked => "sessions-revoked",
            Self::RefreshReused => "refresh-reused",
            Self::ProfileChanged => "profile-changed",
            Self::EmailChanged => "email-changed",
            Self::PasswordChanged => "password-changed",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::PasswordExpired => "password-expired",
            Self::Imported => "imported",
            Self::Deleted => "deleted",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
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
