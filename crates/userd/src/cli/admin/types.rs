//! Users, pages and events as the admin API has them, from either backend.

use serde::{Deserialize, Serialize};

use userd_core::{AccountEvent, User};
use userd_service::PageCursor;
use userd_store::ListedUser;

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

impl From<User> for AdminUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.as_str().to_owned(),
            email: user.email.as_written().to_owned(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            disabled: user.status.disabled,
            password_expired: user.status.password_expired,
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

impl From<ListedUser> for UserListItem {
    fn from(listed: ListedUser) -> Self {
        match listed {
            ListedUser::User(user) => Self::User(AdminUser::from(*user)),
            ListedUser::Unreadable(id) => Self::unreadable(id.to_string()),
        }
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

impl<T: From<U>, U> From<userd_service::ResultPage<U>> for ResultPage<T> {
    fn from(page: userd_service::ResultPage<U>) -> Self {
        let cursor = |cursor: Option<PageCursor>| cursor.map(|cursor| cursor.encode());
        let items = page.items.into_iter().map(T::from).collect();
        Self { items, next: cursor(page.next), previous: cursor(page.previous) }
    }
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

impl From<AccountEvent> for EventListItem {
    fn from(event: AccountEvent) -> Self {
        let AccountEvent { kind, at, actor, .. } = event;
        Self {
            kind: kind.as_str().to_owned(),
            at: at.to_string(),
            address: actor.address.map(|address| address.to_string()),
            by: Some(actor.principal.to_string()).filter(|by| !by.is_empty()),
        }
    }
}

/// Figures of a service.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServiceStats {
    pub(super) users: u64,
    pub(super) store: String,
    pub(super) version: String,
}

impl From<userd_service::ServiceStats> for ServiceStats {
    fn from(stats: userd_service::ServiceStats) -> Self {
        Self { users: stats.users, store: stats.store.to_owned(), version: stats.version.to_owned() }
    }
}
