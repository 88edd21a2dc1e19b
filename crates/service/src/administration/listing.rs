//! Lists in pages, with cursors to the next page and the one before.
//!
//! A page is read with one item more than it shows: whether there is one says whether there is a page behind it. On
//! the other side lies where the reader came from, so that there is a page is taken for granted; should it be empty by
//! now, its cursor leads back.

use crate::Error;
use crate::administration::cursor::List;
use crate::administration::{Administration, Cursor, ForeignCursor};
use userd_core::{CanonicalEmail, EmailPrefix, Event, UserId};
use userd_store::{EventPlace, Listed, Order};

/// A history is read from its end: the last event is what one looks for.
pub const EVENTS_ORDER: Order = Order::Descending;

/// Items of a list, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The page after it, if there is one.
    pub next: Option<Cursor>,
    /// The page before it, if there is one.
    pub previous: Option<Cursor>,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How many items at most; at least one.
    pub limit: usize,
    /// Where; the first page without.
    pub cursor: Option<Cursor>,
}

/// Which page of which users is wanted. What is `None` is as the cursor has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersWanted {
    /// Which page.
    pub page: Wanted,
    /// In which direction; in that of sign-up if nothing says so.
    pub order: Option<Order>,
    /// Only those whose e-mail begins so, in the order of their e-mails.
    pub prefix: Option<EmailPrefix>,
}

/// Which of a list's pages is read: that after a place, or that before one.
struct Turn<P> {
    at: Option<P>,
    order: Order,
    backwards: bool,
    limit: usize,
}

impl UsersWanted {
    /// The list and the place in it.
    fn resolve(self) -> Result<(List, Order, bool), ForeignCursor> {
        let Some(cursor) = self.page.cursor else {
            let list = self.prefix.map_or(List::Users(None), |prefix| List::Emails(prefix, None));
            return Ok((list, self.order.unwrap_or(Order::Ascending), false));
        };
        let fits = match (&cursor.list, &self.prefix) {
            (List::Events(..), _) | (List::Users(_), Some(_)) => false,
            (List::Users(_) | List::Emails(..), None) => true,
            (List::Emails(own, _), Some(prefix)) => own == prefix,
        };
        if !fits || self.order.is_some_and(|order| order != cursor.order) {
            return Err(ForeignCursor::OtherList);
        }
        Ok((cursor.list, cursor.order, cursor.backwards))
    }
}

impl Administration {
    /// A page of users.
    ///
    /// # Errors
    /// [`Error::ForeignCursor`], [`Error::Store`].
    pub async fn list(&self, wanted: UsersWanted) -> Result<Page<Listed>, Error> {
        let limit = wanted.page.limit.max(1);
        let (list, order, backwards) = wanted.resolve().map_err(Error::ForeignCursor)?;
        match list {
            List::Emails(prefix, at) => {
                let turn = Turn { at, order, backwards, limit };
                let found = self.store.users_by_email(&prefix, turn.at.as_ref(), turn.way(), turn.most()).await?;
                let list = |place: Option<CanonicalEmail>| List::Emails(prefix.clone(), place);
                Ok(turn.page(found, list))
            }
            List::Users(at) => {
                let turn = Turn { at, order, backwards, limit };
                let found = self.store.users_by_id(turn.at, turn.way(), turn.most()).await?;
                Ok(turn.page(found.into_iter().map(|listed| (listed.id(), listed)).collect(), List::Users))
            }
            List::Events(..) => Err(Error::ForeignCursor(ForeignCursor::OtherList)),
        }
    }

    /// A page of a user's history, the last event first; also of a user who is deleted, while it is kept.
    ///
    /// # Errors
    /// [`Error::UnknownUser`] if there is no such user and no event either, [`Error::ForeignCursor`], [`Error::Store`].
    pub async fn events(&self, user: UserId, wanted: Wanted) -> Result<Page<Event>, Error> {
        let (at, backwards): (Option<EventPlace>, bool) = match wanted.cursor {
            None => (None, false),
            Some(Cursor { list: List::Events(of, at), order: EVENTS_ORDER, backwards }) if of == user => {
                (at, backwards)
            }
            Some(_) => return Err(Error::ForeignCursor(ForeignCursor::OtherList)),
        };
        let turn = Turn { at, order: EVENTS_ORDER, backwards, limit: wanted.limit.max(1) };
        let found = self.store.events_page(user, turn.at, turn.way(), turn.most()).await?;
        if found.is_empty() && turn.at.is_none() && self.store.user(user).await?.is_none() {
            return Err(Error::UnknownUser);
        }
        Ok(turn.page(found, |place| List::Events(user, place)))
    }
}

impl<P: Clone> Turn<P> {
    /// In which direction it is read.
    fn way(&self) -> Order {
        if self.backwards { self.order.reversed() } else { self.order }
    }

    /// How many are read.
    fn most(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// The page out of what was read.
    fn page<T>(self, mut found: Vec<(P, T)>, list: impl Fn(Option<P>) -> List) -> Page<T> {
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        // Where the reader came from; where nothing is left here, all that lies on that side.
        let behind = self.at.is_some().then(|| found.first().map(|(at, _)| at.clone()));
        let ahead = has_more.then(|| found.last().map(|(at, _)| at.clone()));
        let cursor = |place: Option<Option<P>>, backwards: bool| {
            place.map(|place| Cursor { list: list(place), order: self.order, backwards })
        };
        let (next, previous) = if self.backwards {
            found.reverse();
            (cursor(behind, false), cursor(ahead, true))
        } else {
            (cursor(ahead, false), cursor(behind, true))
        };
        Page { items: found.into_iter().map(|(_, item)| item).collect(), next, previous }
    }
}
