//! Users and histories as an administrator sees them. Also they never see a hash.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use super::view::{DisplayText, SessionView};
use userd_core::{AccountEvent, Timestamp, User, UserId};
use userd_service::{ResultPage, ServiceStats};
use userd_store::ListedUser;

/// A page of a list, of whatever. Its schema is `openapi::operations::ResponseDoc::page`.
#[derive(Serialize)]
pub(super) struct PageView<T> {
    items: Vec<T>,
    next: Option<String>,
    previous: Option<String>,
}

impl<T> PageView<T> {
    /// The view of `page`, of whose items `view` makes views.
    pub(super) fn new<'a, I>(page: &'a ResultPage<I>, view: impl FnMut(&'a I) -> T) -> Self {
        let text = |cursor: &Option<_>| cursor.as_ref().map(userd_service::PageCursor::encode);
        Self { items: page.items.iter().map(view).collect(), next: text(&page.next), previous: text(&page.previous) }
    }
}

impl<'a> PageView<SessionView<'a>> {
    /// All sessions of a user: there are never more than `session.per_user_max`.
    pub(super) fn single_page(items: Vec<SessionView<'a>>) -> Self {
        Self { items, next: None, previous: None }
    }
}

/// A user, with what was ruled about the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView<'a> {
    /// A `UUIDv7`: in text order, ids are in sign-up order. No secret.
    #[schema(value_type = String, format = "uuid")]
    id: DisplayText<&'a UserId>,
    /// What the person wants to be called.
    name: &'a str,
    /// The e-mail as the person wrote it.
    email: &'a str,
    /// When the user signed up.
    #[schema(value_type = String, format = DateTime)]
    created_at: DisplayText<Timestamp>,
    /// When the user last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: DisplayText<Timestamp>,
    /// Whether the account is shut.
    disabled: bool,
    /// Whether the password is good for nothing but being changed.
    password_expired: bool,
}

impl<'a> AccountView<'a> {
    /// The view of `user`.
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: DisplayText(&user.id),
            name: user.name.as_str(),
            email: user.email.as_written(),
            created_at: DisplayText(user.created_at),
            updated_at: DisplayText(user.updated_at),
            disabled: user.status.disabled,
            password_expired: user.status.password_expired,
        }
    }
}

/// An account whose record can't be read.
#[derive(Serialize, ToSchema)]
#[schema(as = UnreadableAccount)]
pub(super) struct UnreadableAccountView<'a> {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: DisplayText<&'a UserId>,
    /// Always true.
    unreadable: bool,
}

/// An account, or one whose record can't be read.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountListItem)]
#[serde(untagged)]
pub(super) enum AccountListItemView<'a> {
    /// The account.
    User(AccountView<'a>),
    /// What is left of it.
    Unreadable(UnreadableAccountView<'a>),
}

impl<'a> AccountListItemView<'a> {
    /// The view of what was found.
    pub(super) fn of(listed: &'a ListedUser) -> Self {
        match listed {
            ListedUser::User(user) => Self::User(AccountView::of(user)),
            ListedUser::Unreadable(id) => {
                Self::Unreadable(UnreadableAccountView { id: DisplayText(id), unreadable: true })
            }
        }
    }
}

/// What happened to an account; what is not known of it is null.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventView<'a> {
    /// What happened, in a word.
    kind: &'a str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: DisplayText<Timestamp>,
    /// From where.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// Who: `session:<id>` or `key:<id>`.
    #[schema(required)]
    by: Option<String>,
}

impl<'a> EventView<'a> {
    /// The view of `event`.
    pub(super) fn of(event: &'a AccountEvent) -> Self {
        Self {
            kind: event.kind.as_str(),
            at: DisplayText(event.at),
            address: event.actor.address,
            by: Some(event.actor.principal.to_string()).filter(|by| !by.is_empty()),
        }
    }
}

/// How many users there are, in what, served by which version.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(super) struct StatsView<'a> {
    /// How many users there are.
    users: u64,
    /// In what they are kept.
    store: &'a str,
    /// The version of userd.
    version: &'a str,
}

impl<'a> StatsView<'a> {
    /// The view of `stats`.
    pub(super) fn of(stats: &'a ServiceStats) -> Self {
        Self { users: stats.users, store: stats.store, version: stats.version }
    }
}
