//! What a store promises about reading much: many users, or a long history, in pages, in an order that stays.
//!
//! A page is no snapshot: who signs up or is deleted while somebody reads on is or is not among those that follow. But
//! each user in a page is whole, and who is there all the while is met exactly once.

use async_trait::async_trait;

use super::StoreError;
use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, User, UserId};

/// In which direction users are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The first one first.
    Ascending,
    /// The last one first.
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
    /// The record of this user can't be read; the log says why.
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

    /// The user whose record can't be read because of `error`, which goes into the log.
    pub fn unreadable(id: UserId, error: &StoreError) -> Self {
        let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(user = %id, reason = why, "{error}; the other users are listed without");
        Self::Unreadable(id)
    }
}

/// Where an event lies in the history of its user. Numbers that only the store understands, and that grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPosition(pub u64, pub u64);

/// Reading in pages.
#[async_trait]
pub trait UserListing: Send + Sync + 'static {
    /// The word for the kind of store.
    fn kind(&self) -> &'static str;

    /// The `most` events of a user, at most, that come after `after`, which need not be the place of any; fewer only at
    /// the end. Also of a user who is deleted, as long as they are kept.
    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPosition>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(EventPosition, AccountEvent)>, StoreError>;

    /// The `most` users, at most, that come after `after` in the order of their ids, which is that of their sign-up;
    /// from the beginning without `after`, which need not be the id of anybody. Fewer only at the end.
    ///
    /// A page costs the same however many users there are.
    async fn users_by_id(
        &self,
        after: Option<UserId>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<ListedUser>, StoreError>;

    /// The same of the users whose canonical e-mail begins with `prefix`, in the order of its bytes. Each comes with
    /// the e-mail under which they are listed, so that one whose record can't be read has a place, too.
    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, ListedUser)>, StoreError>;
}

/// Greater than any text: no UTF-8 has this byte.
const TEXT_UPPER_BOUND: u8 = 0xff;

/// What lies from one place in the order of bytes up to before another: one form for "after", "before" and "begins
/// with".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key that belongs to it.
    pub from: Vec<u8>,
    /// The first key that does not.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All that lies before `to`.
    pub fn before(to: impl Into<Vec<u8>>) -> Self {
        Self { from: Vec::new(), to: to.into() }
    }

    /// All text.
    #[must_use]
    pub fn all_text() -> Self {
        Self::before([TEXT_UPPER_BOUND])
    }

    /// The e-mails that begin with `prefix` and come after `after`, alone or with what a store writes after a NUL.
    #[must_use]
    pub fn emails(prefix: &EmailPrefix, after: Option<&CanonicalEmail>, order: SortOrder) -> Self {
        let mut range = Self::with_prefix(prefix.as_str().as_bytes());
        if let Some(after) = after {
            // Greater than the e-mail with a NUL and whatever follows; smaller than any longer e-mail.
            let past = [after.as_str().as_bytes(), &[1]].concat();
            match order {
                SortOrder::Ascending => range.from = range.from.max(past),
                SortOrder::Descending => range.to = range.to.min(after.as_str().into()),
            }
        }
        range
    }

    /// What begins with `text`: from itself up to before its last byte's next. That is no text any more, but it is
    /// only compared, and UTF-8 has no byte that has no next.
    fn with_prefix(text: &[u8]) -> Self {
        let mut to = text.to_vec();
        match to.last_mut() {
            Some(last) => *last = last.saturating_add(1),
            None => to.push(TEXT_UPPER_BOUND),
        }
        Self { from: text.to_vec(), to }
    }

    /// What of it comes after `place`.
    pub fn continue_after(&mut self, place: &[u8], order: SortOrder) {
        match order {
            SortOrder::Ascending => self.from = [place, &[0]].concat(),
            SortOrder::Descending => self.to = place.to_vec(),
        }
    }
}
