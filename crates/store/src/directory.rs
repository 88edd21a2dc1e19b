//! What a store promises about reading much: many users, or a long history, in pages, in an order that stays.
//!
//! A page is no snapshot: who signs up or is deleted while somebody reads on is or is not among those that follow. But
//! each user in a page is whole, and who is there all the while is met exactly once.

use async_trait::async_trait;

use super::StoreError;
use userd_core::{CanonicalEmail, EmailPrefix, Event, User, UserId};

/// In which direction users are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first one first.
    Ascending,
    /// The last one first.
    Descending,
}

impl Order {
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
pub enum Listed {
    /// The user.
    User(Box<User>),
    /// The record of this user can't be read; the log says why.
    Unreadable(UserId),
}

impl Listed {
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
        tracing::error!(user = %id, why, "{error}; the other users are listed without");
        Self::Unreadable(id)
    }
}

/// Where an event lies in the history of its user. Numbers that only the store understands, and that grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPlace(pub u64, pub u64);

/// Reading in pages.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The word for the kind of store.
    fn kind(&self) -> &'static str;

    /// The `most` events of a user, at most, that come after `after`, which need not be the place of any; fewer only at
    /// the end. Also of a user who is deleted, as long as they are kept.
    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPlace>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(EventPlace, Event)>, StoreError>;

    /// The `most` users, at most, that come after `after` in the order of their ids, which is that of their sign-up;
    /// from the beginning without `after`, which need not be the id of anybody. Fewer only at the end.
    ///
    /// A page costs the same however many users there are.
    async fn users_by_id(&self, after: Option<UserId>, order: Order, most: usize) -> Result<Vec<Listed>, StoreError>;

    /// The same of the users whose canonical e-mail begins with `prefix`, in the order of its bytes. Each comes with
    /// the e-mail under which they are listed, so that one whose record can't be read has a place, too.
    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, Listed)>, StoreError>;
}

/// Greater than any text: no UTF-8 has this byte.
const PAST_ALL_TEXT: u8 = 0xff;

/// What lies from one place in the order of bytes up to before another: one form for "after", "before" and "begins
/// with".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The first key that belongs to it.
    pub from: Vec<u8>,
    /// The first key that does not.
    pub to: Vec<u8>,
}

impl Span {
    /// All that lies before `to`.
    pub fn before(to: impl Into<Vec<u8>>) -> Self {
        Self { from: Vec::new(), to: to.into() }
    }

    /// All text.
    pub fn of_all_text() -> Self {
        Self::before([PAST_ALL_TEXT])
    }

    /// The e-mails that begin with `prefix` and come after `after`, alone or with what a store writes after a NUL.
    pub fn of_emails(prefix: &EmailPrefix, after: Option<&CanonicalEmail>, order: Order) -> Self {
        let mut span = Self::of_beginning(prefix.as_str().as_bytes());
        if let Some(after) = after {
            // Greater than the e-mail with a NUL and whatever follows; smaller than any longer e-mail.
            let past = [after.as_str().as_bytes(), &[1]].concat();
            match order {
                Order::Ascending => span.from = span.from.max(past),
                Order::Descending => span.to = span.to.min(after.as_str().into()),
            }
        }
        span
    }

    /// What begins with `text`: from itself up to before its last byte's next. That is no text any more, but it is
    /// only compared, and UTF-8 has no byte that has no next.
    fn of_beginning(text: &[u8]) -> Self {
        let mut to = text.to_vec();
        match to.last_mut() {
            Some(last) => *last = last.saturating_add(1),
            None => to.push(PAST_ALL_TEXT),
        }
        Self { from: text.to_vec(), to }
    }

    /// What of it comes after `place`.
    pub fn go_on_after(&mut self, place: &[u8], order: Order) {
        match order {
            Order::Ascending => self.from = [place, &[0]].concat(),
            Order::Descending => self.to = place.to_vec(),
        }
    }
}
