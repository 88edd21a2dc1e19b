//! Users and histories as an administrator sees them. Also they never see a hash.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::view::{SessionView, Text};
use crate::domain::{Event, User};
use crate::service::{Page, Stats};
use crate::store::Listed;

/// A page of a list, of whatever.
#[derive(Serialize)]
pub(super) struct PageView<T> {
    items: Vec<T>,
    next: Option<String>,
    previous: Option<String>,
}

impl<T> PageView<T> {
    /// The view of `page`, of whose items `view` makes views.
    pub(super) fn new<'a, I>(page: &'a Page<I>, view: impl FnMut(&'a I) -> T) -> Self {
        let text = |cursor: &Option<_>| cursor.as_ref().map(crate::service::Cursor::encode);
        Self { items: page.items.iter().map(view).collect(), next: text(&page.next), previous: text(&page.previous) }
    }
}

impl<'a> PageView<SessionView<'a>> {
    /// All sessions of a user: there are never more than `sessions.max`.
    pub(super) fn whole(items: Vec<SessionView<'a>>) -> Self {
        Self { items, next: None, previous: None }
    }
}

/// `{"id","name","email","created_at","updated_at","disabled","password_expired"}`.
pub(super) struct AccountView<'a>(pub(super) &'a User);

impl Serialize for AccountView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(user) = self;
        let mut view = serializer.serialize_struct("Account", 7)?;
        view.serialize_field("id", &Text(&user.id))?;
        view.serialize_field("name", user.name.as_str())?;
        view.serialize_field("email", user.email.as_written())?;
        view.serialize_field("created_at", &Text(&user.created_at))?;
        view.serialize_field("updated_at", &Text(&user.updated_at))?;
        view.serialize_field("disabled", &user.standing.disabled)?;
        view.serialize_field("password_expired", &user.standing.password_expired)?;
        view.end()
    }
}

/// The account, or `{"id","unreadable":true}` of one whose record can't be read.
pub(super) struct ListedView<'a>(pub(super) &'a Listed);

impl Serialize for ListedView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Listed::User(user) => AccountView(user).serialize(serializer),
            Listed::Unreadable(id) => {
                let mut view = serializer.serialize_struct("Unreadable", 2)?;
                view.serialize_field("id", &Text(id))?;
                view.serialize_field("unreadable", &true)?;
                view.end()
            }
        }
    }
}

/// `{"kind","at","address","by"}`; `by` is `session:<id>` or `key:<id>`, and what is not known is null.
pub(super) struct EventView<'a>(pub(super) &'a Event);

impl Serialize for EventView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event) = self;
        let by = Some(event.client.caller.to_string()).filter(|by| !by.is_empty());
        let mut view = serializer.serialize_struct("Event", 4)?;
        view.serialize_field("kind", event.kind.word())?;
        view.serialize_field("at", &Text(&event.at))?;
        view.serialize_field("address", &event.client.address)?;
        view.serialize_field("by", &by)?;
        view.end()
    }
}

/// `{"users","store","version"}`.
pub(super) struct StatsView<'a>(pub(super) &'a Stats);

impl Serialize for StatsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("Stats", 3)?;
        view.serialize_field("users", &self.0.users)?;
        view.serialize_field("store", self.0.store)?;
        view.serialize_field("version", self.0.version)?;
        view.end()
    }
}
