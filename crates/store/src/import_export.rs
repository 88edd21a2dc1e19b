//! Users from another store or service, and users for an export, with their sessions.
//!
//! An imported user keeps id, times, account status and password hash.
//!
//! - **Invariant:** e-mails stay unique, also against sign-ups at the same time, and whatever crashes.
//! - **Invariant:** each user is imported as a whole or not at all.
//! - **Idempotence:** the same user again is [`ImportOutcome::Same`]. So an aborted import is simply repeated.

use std::sync::Arc;

use async_trait::async_trait;

use userd_core::{Actor, Session, SessionLimits, Timestamp, User, UserId};

use crate::error::StoreError;

/// Limit of the sessions imported with one user; Redis writes them in one call, whose arguments are limited.
pub const IMPORTED_SESSIONS_MAX: usize = 500;

/// A user with the sessions that stay valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// The user; an imported one starts at [`userd_core::UserVersion::FIRST`].
    pub user: User,
    /// The user's sessions, at most [`IMPORTED_SESSIONS_MAX`] for an import. They are written in the same step as the
    /// user and never later: a session that was revoked here is not revived by a repeated import.
    pub sessions: Vec<Session>,
}

impl AccountRecord {
    /// Whether `kept` is this user, whatever its version.
    #[must_use]
    pub fn matches_stored(&self, kept: &User) -> bool {
        let user = &self.user;
        (user.id, user.created_at, user.updated_at, user.status)
            == (kept.id, kept.created_at, kept.updated_at, kept.status)
            && (&user.name, &user.email, &user.password_hash) == (&kept.name, &kept.email, &kept.password_hash)
    }
}

/// The outcome of importing one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The user exists now.
    Imported,
    /// The user existed already, with the same values.
    Same,
    /// A user with this id and other values exists. Nothing was changed.
    Differs,
    /// Another user has the e-mail or is just reserving it. Nothing was changed.
    EmailTaken,
    /// The user with this id was deleted here recently; the id is reserved for a while. Nothing was changed.
    RecentlyDeleted,
    /// The store could not do it now; it may still happen, as a whole. Retry.
    Unavailable(String),
}

/// Importing users.
#[async_trait]
pub trait ImportStore: Send + Sync + 'static {
    /// Imports these users, no two of which have the same id, and returns the outcome of each in the same order. Of two
    /// with the same e-mail, one is imported. Records [`userd_core::EventKind::Imported`] by `actor` for each imported
    /// user. `limits` are for cleaning up only.
    ///
    /// # Errors
    /// The outcome of all is unknown: each user is there as a whole, or not at all. Retry.
    async fn import_users(
        &self,
        batch: Arc<[AccountRecord]>,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, StoreError>;
}

/// What is exported of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportRecord {
    /// The user and the sessions, all of one moment, the newest session first.
    Account(Box<AccountRecord>),
    /// No user has this id any more.
    NotFound,
    /// The record can't be parsed; the log has the reason.
    Unreadable,
}

/// Reading users with their sessions, for an export.
#[async_trait]
pub trait ExportStore: Send + Sync + 'static {
    /// The record of each of these users, in the same order.
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError>;
}
