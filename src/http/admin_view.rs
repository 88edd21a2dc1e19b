//! Users and histories as an administrator sees them. Also they never see a hash.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use super::view::Text;
use crate::domain::{Event, Timestamp, User, UserId};
use crate::service::{Cursor, Page, Stats};
use crate::store::Listed;

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub(super) struct PageView<T: ToSchema> {
    /// What is on it.
    items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next: Option<String>,
    /// The same for the page before; null on the first one.
    #[schema(required)]
    previous: Option<String>,
}

impl<T: ToSchema> PageView<T> {
    /// The view of `page`, of whose items `view` makes views.
    pub(super) fn of<'a, I>(page: &'a Page<I>, view: impl FnMut(&'a I) -> T) -> Self {
        let text = |cursor: &Option<Cursor>| cursor.as_ref().map(Cursor::encode);
        Self { items: page.items.iter().map(view).collect(), next: text(&page.next), previous: text(&page.previous) }
    }

    /// A list that is never long, on one page.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, previous: None }
    }
}

/// A user, and what was ruled about the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView<'a> {
    /// A `UUIDv7`: in text order, ids are in sign-up order. No secret.
    #[schema(value_type = String, format = "uuid")]
    id: Text<UserId>,
    /// What the person wants to be called.
    name: &'a str,
    /// The e-mail as the person wrote it.
    email: &'a str,
    /// When the user signed up.
    #[schema(value_type = String, format = DateTime)]
    created_at: Text<Timestamp>,
    /// When the user, or what is ruled about the account, last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Text<Timestamp>,
    /// Whether the account is shut.
    disabled: bool,
    /// Whether the password is good for nothing but being changed.
    password_expired: bool,
}

impl<'a> AccountView<'a> {
    /// The view of `user`.
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: Text(user.id),
            name: user.name.as_str(),
            email: user.email.as_written(),
            created_at: Text(user.created_at),
            updated_at: Text(user.updated_at),
            disabled: user.standing.disabled,
            password_expired: user.standing.password_expired,
        }
    }
}

/// A user whose record can't be read.
#[derive(Serialize, ToSchema)]
#[schema(as = Unreadable)]
pub(super) struct UnreadableView {
    /// Whose it is.
    #[schema(value_type = String, format = "uuid")]
    id: Text<UserId>,
    /// True; the log says why.
    unreadable: bool,
}

/// One user of a list.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Listed)]
pub(super) enum ListedView<'a> {
    /// The user.
    Account(AccountView<'a>),
    /// One whose record can't be read; the others are listed all the same.
    Unreadable(UnreadableView),
}

impl<'a> ListedView<'a> {
    /// The view of `listed`.
    pub(super) fn of(listed: &'a Listed) -> Self {
        match listed {
            Listed::User(user) => Self::Account(AccountView::of(user)),
            Listed::Unreadable(id) => Self::Unreadable(UnreadableView { id: Text(*id), unreadable: true }),
        }
    }
}

/// Something that happened to an account.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventView {
    /// What happened.
    kind: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Text<Timestamp>,
    /// From where, if it is known.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// By whom, if they showed anything: `session:<id>` or `key:<id>`.
    #[schema(required)]
    by: Option<String>,
}

impl EventView {
    /// The view of `event`.
    pub(super) fn of(event: &Event) -> Self {
        Self {
            kind: event.kind.word(),
            at: Text(event.at),
            address: event.client.address,
            by: Some(event.client.caller.to_string()).filter(|by| !by.is_empty()),
        }
    }
}

/// What there is, at a glance.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(super) struct StatsView {
    /// How many users there are.
    users: u64,
    /// The kind of the store: `sqlite` or `redis`.
    store: &'static str,
    /// The version of userd.
    version: &'static str,
}

impl StatsView {
    /// The view of `stats`.
    pub(super) fn of(stats: &Stats) -> Self {
        Self { users: stats.users, store: stats.store, version: stats.version }
    }
}
