//! What a store promises about users who come from another store or service, and about those who are written out.
//!
//! A user who comes in keeps id, times, standing and hash. That e-mails are unique holds for them as for everybody,
//! under races with those who sign up meanwhile, and whatever crashes: each user comes in whole or not at all, and the
//! same user once more is [`ImportOutcome::Same`]. So whoever breaks off begins again.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use userd_core::{Actor, Session, SessionLimits, Timestamp, User, UserId};

/// The most sessions that come in with one user; Redis writes them in one call, whose arguments are limited.
pub const IMPORTED_SESSIONS_MAX: usize = 500;

/// A user with the sessions that go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// The user. Whoever comes in begins at [`userd_core::UserVersion::FIRST`].
    pub user: User,
    /// Their sessions, at most [`IMPORTED_SESSIONS_MAX`] where they come in; they do so in the same step as the user,
    /// or not at all: one that has ended here never begins again.
    pub sessions: Vec<Session>,
}

impl AccountRecord {
    /// Whether `kept` is this user, whatever number its version has.
    #[must_use]
    pub fn matches_stored(&self, kept: &User) -> bool {
        let user = &self.user;
        (user.id, user.created_at, user.updated_at, user.status)
            == (kept.id, kept.created_at, kept.updated_at, kept.status)
            && (&user.name, &user.email, &user.password_hash) == (&kept.name, &kept.email, &kept.password_hash)
    }
}

/// What became of one user who was to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The user is there now.
    Imported,
    /// The user was there already, with the same values.
    Same,
    /// A user with this id is there, with another value. Nothing was changed.
    Differs,
    /// Another user has, or is just about to get, the e-mail. Nothing was changed.
    EmailTaken,
    /// Somebody with this id was deleted here a while ago; such an id rests for a time. Nothing was changed.
    RecentlyDeleted,
    /// The store could not do it now; it may still happen, whole. Try again.
    Unavailable(String),
}

/// Taking users in.
#[async_trait]
pub trait ImportStore: Send + Sync + 'static {
    /// Takes these users in, no two of them with the same id, and says of each, in the same order, what became of it.
    /// Of two with the same e-mail one comes in. Writes [`userd_core::EventKind::Imported`] by `actor` for each
    /// that comes in. `limits` only tidy.
    ///
    /// # Errors
    /// Nothing is known of any of them: each is there whole, or not at all. Try again.
    async fn import_users(
        &self,
        batch: Arc<[AccountRecord]>,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, StoreError>;
}

/// What is found of one user who is to be written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportRecord {
    /// The user with their sessions, all of one moment, the newest session first.
    Account(Box<AccountRecord>),
    /// There is no such user any more.
    NotFound,
    /// What is kept can't be read; the log says why.
    Unreadable,
}

/// Reading users with their sessions.
#[async_trait]
pub trait ExportStore: Send + Sync + 'static {
    /// What is found of each of these users, in the same order.
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError>;
}
