//! Users, pages and events as the admin API has them, from either backend.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A user as an administrator sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AdminUser {
    pub(super) id: String,
    pub(super) name: String,
    /// As it was entered.
    pub(super) email: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) disabled: bool,
    pub(super) password_expired: bool,
}

impl AdminUser {
    /// The account status, for people.
    pub(super) fn status(&self) -> &'static str {
        match (self.disabled, self.password_expired) {
            (false, false) => "active",
            (true, false) => "disabled",
            (false, true) => "expired",
            (true, true) => "disabled, expired",
        }
    }
}

/// An item of a list of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum UserListItem {
    /// A user.
    User(AdminUser),
    /// A user whose record can't be read.
    Unreadable(UnreadableUser),
}

/// A user whose record can't be read; only the id is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnreadableUser {
    pub(super) id: String,
    pub(super) unreadable: bool,
}

impl UserListItem {
    /// The user with this id, whose record can't be read.
    pub(super) fn unreadable(id: String) -> Self {
        Self::Unreadable(UnreadableUser { id, unreadable: true })
    }
}

/// A page of a listing, and the cursors of its neighbours.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResultPage<T> {
    pub(super) items: Vec<T>,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
    /// The cursor of the previous page.
    pub(super) previous: Option<String>,
}

/// An event of an account.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventListItem {
    pub(super) kind: String,
    pub(super) at: String,
    pub(super) address: Option<String>,
    /// The actor: `session:<id>`, `key:<id>` or none.
    pub(super) by: Option<String>,
}

/// Figures of a service.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServiceStats {
    pub(super) users: u64,
    pub(super) store: String,
    pub(super) version: String,
}

/// Which users to list, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserQuery {
    pub(super) limit: u16,
    pub(super) cursor: Option<String>,
    /// The prefix of their e-mail.
    pub(super) email: Option<String>,
    /// Newest first or, with a prefix, in reverse alphabetical order.
    pub(super) descending: bool,
}

/// The values of a new user.
pub(super) struct NewUserInput {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) password: Zeroizing<String>,
    pub(super) password_expired: bool,
}
