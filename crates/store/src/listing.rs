//! Users and events in pages, in a stable order.
//!
//! - **Invariant:** a user who exists during the whole listing is listed exactly once.
//! - **Invariant:** each user in a page is a consistent record.
//! - A listing is no snapshot: a user who is created or deleted meanwhile may be listed or not.

use async_trait::async_trait;

use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, User, UserId};

use crate::error::StoreError;

/// The direction of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The smallest key first.
    Ascending,
    /// The largest key first.
    Descending,
}

impl SortOrder {
    /// The other direction.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// One user of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedUser {
    /// The user.
    User(Box<User>),
    /// The record of this user can't be parsed; the log has the reason.
    Unreadable(UserId),
}

impl ListedUser {
    /// The user's id.
    #[must_use]
    pub fn id(&self) -> UserId {
        match self {
            Self::User(user) => user.id,
            Self::Unreadable(id) => *id,
        }
    }

    /// The user whose record can't be parsed because of `error`, which is logged.
    pub fn unreadable(id: UserId, error: &StoreError) -> Self {
        let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(user = %id, reason = why, "{error}; the other users are listed without");
        Self::Unreadable(id)
    }
}

/// The position of an event among its user's events: growing numbers that only the store interprets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPosition(pub u64, pub u64);

/// Listing users and events.
#[async_trait]
pub trait UserListing: Send + Sync + 'static {
    /// The name of the kind of store.
    fn kind(&self) -> &'static str;

    /// Up to `most` events of a user after the position `after`, which need not be that of an event; fewer only at the
    /// end. Events of a deleted user are listed as long as they are stored.
    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPosition>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(EventPosition, AccountEvent)>, StoreError>;

    /// Up to `most` users after the id `after`, which need not be that of a user, ordered by id, which is the order of
    /// sign-up. From the beginning without `after`; fewer only at the end.
    ///
    /// The cost of a page does not depend on the number of users.
    async fn users_by_id(
        &self,
        after: Option<UserId>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<ListedUser>, StoreError>;

    /// The same for users whose canonical e-mail begins with `prefix`, ordered by its bytes. Each user comes with the
    /// e-mail of the index, so that a user whose record can't be parsed has a position, too.
    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, ListedUser)>, StoreError>;
}

/// Greater than any text: UTF-8 does not have this byte.
const TEXT_UPPER_BOUND: u8 = 0xff;

/// A half-open range of keys in byte order: one form for "after", "before" and "begins with".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key in the range.
    pub from: Vec<u8>,
    /// The first key beyond it.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All keys before `to`.
    pub fn before(to: impl Into<Vec<u8>>) -> Self {
        Self { from: Vec::new(), to: to.into() }
    }

    /// All text.
    #[must_use]
    pub fn all_text() -> Self {
        Self::before([TEXT_UPPER_BOUND])
    }

    /// The e-mails that begin with `prefix` and come after `after`, with or without what a store appends after a NUL.
    #[must_use]
    pub fn emails(prefix: &EmailPrefix, after: Option<&CanonicalEmail>, order: SortOrder) -> Self {
        let mut range = Self::with_prefix(prefix.as_str().as_bytes());
        if let Some(after) = after {
            // Greater than the e-mail followed by a NUL and anything; smaller than any longer e-mail.
            let past = [after.as_str().as_bytes(), &[1]].concat();
            match order {
                SortOrder::Ascending => range.from = range.from.max(past),
                SortOrder::Descending => range.to = range.to.min(after.as_str().into()),
            }
        }
        range
    }

    /// The keys that begin with `text`: from the text itself up to the text with its last byte incremented. That need
    /// not be valid UTF-8, but it is only compared; and no byte of UTF-8 is 0xff, so that each can be incremented.
    fn with_prefix(text: &[u8]) -> Self {
        let mut to = text.to_vec();
        match to.last_mut() {
            Some(last) => *last = last.saturating_add(1),
            None => to.push(TEXT_UPPER_BOUND),
        }
        Self { from: text.to_vec(), to }
    }

    /// Narrows the range to the keys after `place`.
    pub fn continue_after(&mut self, place: &[u8], order: SortOrder) {
        match order {
            SortOrder::Ascending => self.from = [place, &[0]].concat(),
            SortOrder::Descending => self.to = place.to_vec(),
        }
    }
}
