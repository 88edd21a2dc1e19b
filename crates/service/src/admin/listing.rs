//! Lists in pages, with cursors to the next page and the one before.
//!
//! A page is read with one item more than it shows: whether there is one says whether there is a page behind it. On
//! the other side lies where the reader came from, so that there is a page is taken for granted; should it be empty by
//! now, its cursor leads back.

use crate::Error;
use crate::admin::cursor::ListPosition;
use crate::admin::{AdminService, InvalidCursor, PageCursor};
use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, UserId};
use userd_store::{EventPosition, ListedUser, SortOrder};

/// A history is read from its end: the last event is what one looks for.
pub const EVENTS_ORDER: SortOrder = SortOrder::Descending;

/// Items of a list, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// The page after it, if there is one.
    pub next: Option<PageCursor>,
    /// The page before it, if there is one.
    pub previous: Option<PageCursor>,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most; at least one.
    pub limit: usize,
    /// Where; the first page without.
    pub cursor: Option<PageCursor>,
}

/// Which page of which users is wanted. What is `None` is as the cursor has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserListingRequest {
    /// Which page.
    pub page: PageRequest,
    /// In which direction; in that of sign-up if nothing says so.
    pub order: Option<SortOrder>,
    /// Only those whose e-mail begins so, in the order of their e-mails.
    pub prefix: Option<EmailPrefix>,
}

/// Which of a list's pages is read: that after a place, or that before one.
struct PageQuery<P> {
    at: Option<P>,
    order: SortOrder,
    backwards: bool,
    limit: usize,
}

impl UserListingRequest {
    /// The list and the place in it.
    fn resolve(self) -> Result<(ListPosition, SortOrder, bool), InvalidCursor> {
        let Some(cursor) = self.page.cursor else {
            let list = self.prefix.map_or(ListPosition::Users(None), |prefix| ListPosition::Emails(prefix, None));
            return Ok((list, self.order.unwrap_or(SortOrder::Ascending), false));
        };
        let fits = match (&cursor.list, &self.prefix) {
            (ListPosition::Events(..), _) | (ListPosition::Users(_), Some(_)) => false,
            (ListPosition::Users(_) | ListPosition::Emails(..), None) => true,
            (ListPosition::Emails(own, _), Some(prefix)) => own == prefix,
        };
        if !fits || self.order.is_some_and(|order| order != cursor.order) {
            return Err(InvalidCursor::WrongList);
        }
        Ok((cursor.list, cursor.order, cursor.backwards))
    }
}

impl AdminService {
    /// A page of users.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], [`Error::Store`].
    pub async fn list(&self, wanted: UserListingRequest) -> Result<ResultPage<ListedUser>, Error> {
        let limit = wanted.page.limit.max(1);
        let (list, order, backwards) = wanted.resolve().map_err(Error::InvalidCursor)?;
        match list {
            ListPosition::Emails(prefix, at) => {
                let query = PageQuery { at, order, backwards, limit };
                let found = self
                    .store
                    .users_by_email(&prefix, query.at.as_ref(), query.direction(), query.fetch_limit())
                    .await?;
                let list = |place: Option<CanonicalEmail>| ListPosition::Emails(prefix.clone(), place);
                Ok(query.page(found, list))
            }
            ListPosition::Users(at) => {
                let query = PageQuery { at, order, backwards, limit };
                let found = self.store.users_by_id(query.at, query.direction(), query.fetch_limit()).await?;
                Ok(query.page(found.into_iter().map(|listed| (listed.id(), listed)).collect(), ListPosition::Users))
            }
            ListPosition::Events(..) => Err(Error::InvalidCursor(InvalidCursor::WrongList)),
        }
    }

    /// A page of a user's history, the last event first; also of a user who is deleted, while it is kept.
    ///
    /// # Errors
    /// [`Error::UnknownUser`] if there is no such user and no event either, [`Error::InvalidCursor`], [`Error::Store`].
    pub async fn events(&self, user: UserId, wanted: PageRequest) -> Result<ResultPage<AccountEvent>, Error> {
        let (at, backwards): (Option<EventPosition>, bool) = match wanted.cursor {
            None => (None, false),
            Some(PageCursor { list: ListPosition::Events(of, at), order: EVENTS_ORDER, backwards }) if of == user => {
                (at, backwards)
            }
            Some(_) => return Err(Error::InvalidCursor(InvalidCursor::WrongList)),
        };
        let query = PageQuery { at, order: EVENTS_ORDER, backwards, limit: wanted.limit.max(1) };
        let found = self.store.events_page(user, query.at, query.direction(), query.fetch_limit()).await?;
        if found.is_empty() && query.at.is_none() && self.store.user(user).await?.is_none() {
            return Err(Error::UnknownUser);
        }
        Ok(query.page(found, |place| ListPosition::Events(user, place)))
    }
}

impl<P: Clone> PageQuery<P> {
    /// In which direction it is read.
    fn direction(&self) -> SortOrder {
        if self.backwards { self.order.reversed() } else { self.order }
    }

    /// How many are read.
    fn fetch_limit(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// The page out of what was read.
    fn page<T>(self, mut found: Vec<(P, T)>, list: impl Fn(Option<P>) -> ListPosition) -> ResultPage<T> {
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        // Where the reader came from; where nothing is left here, all that lies on that side.
        let behind = self.at.is_some().then(|| found.first().map(|(at, _)| at.clone()));
        let ahead = has_more.then(|| found.last().map(|(at, _)| at.clone()));
        let cursor = |place: Option<Option<P>>, backwards: bool| {
            place.map(|place| PageCursor { list: list(place), order: self.order, backwards })
        };
        let (next, previous) = if self.backwards {
            found.reverse();
            (cursor(behind, false), cursor(ahead, true))
        } else {
            (cursor(ahead, false), cursor(behind, true))
        };
        ResultPage { items: found.into_iter().map(|(_, item)| item).collect(), next, previous }
    }
}
