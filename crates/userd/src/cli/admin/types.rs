//! What the command line knows of users, in the words of the admin API: the same whether a server told it or the
//! store.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A user as an administrator sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AdminUser {
    pub(super) id: String,
    pub(super) name: String,
    /// As the person wrote it.
    pub(super) email: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) disabled: bool,
    pub(super) password_expired: bool,
}

impl AdminUser {
    /// How the account stands, in words.
    pub(super) fn status(&self) -> &'static str {
        match (self.disabled, self.password_expired) {
            (false, false) => "active",
            (true, false) => "disabled",
            (false, true) => "expired",
            (true, true) => "disabled, expired",
        }
    }
}

/// One user of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum UserListItem {
    /// The user.
    User(AdminUser),
    /// One whose record can't be read.
    Unreadable(UnreadableUser),
}

/// A user whose record can't be read: all that is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnreadableUser {
    pub(super) id: String,
    pub(super) unreadable: bool,
}

impl UserListItem {
    /// The user of this id, whose record can't be read.
    pub(super) fn unreadable(id: String) -> Self {
        Self::Unreadable(UnreadableUser { id, unreadable: true })
    }
}

/// Some of many, and where the others begin.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResultPage<T> {
    pub(super) items: Vec<T>,
    /// The cursor of those that come after.
    pub(super) next: Option<String>,
    /// The cursor of those that come before.
    pub(super) previous: Option<String>,
}

/// Something that happened to a user.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventListItem {
    pub(super) kind: String,
    pub(super) at: String,
    pub(super) address: Option<String>,
    /// `session:<id>`, `key:<id>` or nothing.
    pub(super) by: Option<String>,
}

/// What a userd says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServiceStats {
    pub(super) users: u64,
    pub(super) store: String,
    pub(super) version: String,
}

/// Which users are wanted, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserQuery {
    pub(super) limit: u16,
    pub(super) cursor: Option<String>,
    /// Those whose e-mail begins so.
    pub(super) email: Option<String>,
    /// The newest, or the last in the alphabet, first.
    pub(super) descending: bool,
}

/// What somebody is to become a user with.
pub(super) struct NewUserInput {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) password: Zeroizing<String>,
    pub(super) password_expired: bool,
}

/// Why something was not done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommandError {
    /// What was given is wrong.
    InvalidInput(String),
    /// There is no such user.
    UserNotFound(String),
    /// Anything else.
    Failed(String),
}
