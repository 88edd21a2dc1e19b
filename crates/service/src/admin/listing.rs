//! Pages of lists, with cursors to the next and the previous page.
//!
//! A query fetches one item more than the page has, which shows whether another page follows. A previous page is
//! assumed, because the reader came from there; if it has become empty, its cursor leads back.

use crate::Error;
use crate::admin::cursor::ListPosition;
use crate::admin::{AdminService, InvalidCursor, PageCursor};
use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, UserId};
use userd_store::{EventPosition, ListedUser, SortOrder};

/// A history starts with the latest event.
pub const EVENTS_ORDER: SortOrder = SortOrder::Descending;

/// A page of a list, in the list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<PageCursor>,
    /// The cursor of the previous page, if there is one.
    pub previous: Option<PageCursor>,
}

/// A request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The most items; at least one.
    pub limit: usize,
    /// The cursor; the first page without.
    pub cursor: Option<PageCursor>,
}

/// A request for a page of users. `None` means: as the cursor has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserListingRequest {
    /// The page.
    pub page: PageRequest,
    /// The order; by default that of sign-up.
    pub order: Option<SortOrder>,
    /// Only users whose e-mail has this prefix, in the order of e-mails.
    pub prefix: Option<EmailPrefix>,
}

/// A query for the page after a position, or before one.
struct PageQuery<P> {
    at: Option<P>,
    order: SortOrder,
    backwards: bool,
    limit: usize,
}

impl UserListingRequest {
    /// The list and the position.
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
                    .users
                    .store
                    .users_by_email(&prefix, query.at.as_ref(), query.direction(), query.fetch_limit())
                    .await?;
                let list = |place: Option<CanonicalEmail>| ListPosition::Emails(prefix.clone(), place);
                Ok(query.page(found, list))
            }
            ListPosition::Users(at) => {
                let query = PageQuery { at, order, backwards, limit };
                let found = self.users.store.users_by_id(query.at, query.direction(), query.fetch_limit()).await?;
                Ok(query.page(found.into_iter().map(|listed| (listed.id(), listed)).collect(), ListPosition::Users))
            }
            ListPosition::Events(..) => Err(Error::InvalidCursor(InvalidCursor::WrongList)),
        }
    }

    /// A page of a user's history, the latest event first. The history of a deleted user is available until it expires.
    ///
    /// # Errors
    /// [`Error::UnknownUser`] if there is neither such a user nor an event, [`Error::InvalidCursor`], [`Error::Store`].
    pub async fn events(&self, user: UserId, wanted: PageRequest) -> Result<ResultPage<AccountEvent>, Error> {
        let (at, backwards): (Option<EventPosition>, bool) = match wanted.cursor {
            None => (None, false),
            Some(PageCursor { list: ListPosition::Events(of, at), order: EVENTS_ORDER, backwards }) if of == user => {
                (at, backwards)
            }
            Some(_) => return Err(Error::InvalidCursor(InvalidCursor::WrongList)),
        };
        let query = PageQuery { at, order: EVENTS_ORDER, backwards, limit: wanted.limit.max(1) };
        let found = self.users.store.events_page(user, query.at, query.direction(), query.fetch_limit()).await?;
        if found.is_empty() && query.at.is_none() && self.users.store.user(user).await?.is_none() {
            return Err(Error::UnknownUser);
        }
        Ok(query.page(found, |place| ListPosition::Events(user, place)))
    }
}

impl<P: Clone> PageQuery<P> {
    /// The direction of the read.
    fn direction(&self) -> SortOrder {
        if self.backwards { self.order.reversed() } else { self.order }
    }

    /// How many items to fetch.
    fn fetch_limit(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// Builds the page from the fetched items.
    fn page<T>(self, mut found: Vec<(P, T)>, list: impl Fn(Option<P>) -> ListPosition) -> ResultPage<T> {
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        // The side that the reader came from; if no item is left, everything on that side.
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
