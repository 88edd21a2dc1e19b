//! Changes of users: their values and their outcomes. The methods are in `store`.

use userd_core::{AccountStatus, DisplayName, Email, EventKind, PasswordHash, User};

/// What [`Store::update_profile`](crate::Store::update_profile) sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProfile {
    /// The new name.
    pub name: DisplayName,
    /// The new e-mail.
    pub email: Email,
}

/// What [`Store::update_status`](crate::Store::update_status) sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// The new account status.
    pub status: AccountStatus,
    /// The new password; `None` keeps the present one.
    pub password_hash: Option<PasswordHash>,
    /// The event to record.
    pub kind: EventKind,
}

impl StatusUpdate {
    /// Applies the update to `user`.
    pub fn apply(&self, user: &mut User) {
        user.status = self.status;
        if let Some(hash) = &self.password_hash {
            user.password_hash = hash.clone();
        }
    }

    /// Whether the update revokes the user's sessions: every one does, except enabling an account.
    #[must_use]
    pub fn revokes_sessions(&self) -> bool {
        self.kind != EventKind::Enabled
    }
}

/// The outcome of [`Store::create_user`](crate::Store::create_user).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateUserOutcome {
    /// The user exists now.
    Created,
    /// Another user has the e-mail or is just reserving it; nothing was changed.
    EmailTaken,
    /// The slot of this id is being moved to another server; nothing was changed. Retry with a fresh id, which belongs
    /// to another slot.
    Resharding,
}

/// The outcome of a change of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateUserOutcome {
    /// Done; this is the user now.
    Updated(Box<User>),
    /// The user has changed since `expected`; nothing was changed. Read the user again and decide again.
    VersionConflict,
    /// Another user has the e-mail or is just reserving it; nothing was changed.
    EmailTaken,
    /// No user has this id.
    NotFound,
}

/// The outcome of [`Store::delete_user`](crate::Store::delete_user).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteUserOutcome {
    /// The user was deleted.
    Deleted,
    /// The user has changed since `expected`; nothing was changed. Read the user again and decide again.
    VersionConflict,
    /// No user has this id.
    NotFound,
}
