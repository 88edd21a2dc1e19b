//! What a store promises about reading many users: in pages, in an order that stays.
//!
//! A page is no snapshot: who signs up or is deleted while somebody reads on is or is not among those that follow. But
//! each user in a page is whole, and who is there all the while is met exactly once.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{CanonicalEmail, EmailPrefix, User, UserId};

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

/// Reading many users.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The `most` users, at most, that come after `after` in the order of their ids, which is that of their sign-up;
    /// from the beginning without `after`, which need not be the id of anybody. Fewer only at the end.
    ///
    /// A page costs the same however many users there are.
    async fn users_by_id(&self, after: Option<UserId>, order: Order, most: usize) -> Result<Vec<Listed>, StoreError>;

    /// The same of the users whose canonical e-mail begins with `prefix`, in the order of its bytes.
    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: Order,
        most: usize,
    ) -> Result<Vec<Listed>, StoreError>;
}
