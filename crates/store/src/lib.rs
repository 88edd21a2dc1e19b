//! The contract of the place where users are kept, designed for its weakest implementation.
//!
//! Redis has no transaction across a round trip, so there is no `begin`, no `commit`, no `exists`: each
//! method is one meaningful act that happens whole or not at all, whatever crashes between its steps. An
//! outcome that a caller expects (`EmailTaken`, `VersionConflict`, `NotFound`) is a value; an error means that the store
//! could not do its work.
//!
//! # What an implementer promises
//! - Never two users with one canonical e-mail, also under races, crashes and late repeats.
//! - A change that was answered `Ok` survives a crash of this process, and whatever the store's own
//!   durability covers.
//! - After an error the change has happened whole, or not at all, or may still happen, whole, until a server
//!   has read what was sent to it; the caller can't tell which. It never happens in part, and never over a later
//!   change: everything is compared with the version that the caller saw.
//! - Whoever got an answer sees its effect in every later read.
//! - A crash blocks an e-mail for at most a bounded time (30 s).
//! - What happens to an account is written into its history in the same step (see [`SessionStore`]); `actor` is who
//!   did it. A repeat is not written twice.
//! - Every call ends within the implementation's configured time limit.
//! - `now` is the caller's clock. It is recorded and it decides when an unfinished act of somebody else may
//!   be given up; safety never depends on it.
//!
//! # How to add a store
//! Implement [`Store`] in a module below this one, run the [conformance suite](conformance) over it, and
//! add a line to `app::serve`'s `open_with_metrics`.

mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod import_export;
mod instrumented;
mod legacy;
mod listing;
#[cfg(feature = "memory")]
pub mod memory;
mod rate_limit;
mod service_keys;
mod sessions;

use std::error::Error as StdError;

use async_trait::async_trait;

pub use import_export::{AccountRecord, ExportRecord, ExportStore, IMPORTED_SESSIONS_MAX, ImportOutcome, ImportStore};
pub use instrumented::InstrumentedStore;
pub use legacy::{LegacyPage, LegacyRecord, LegacySource};
pub use listing::{EventPosition, KeyRange, ListedUser, SortOrder, UserListing};
pub use rate_limit::RateLimitStore;
pub use service_keys::{KEY_BYTES_MAX, KeyKind, KeyStore, StoredKey};
pub use sessions::{EVENTS_RETENTION_DEFAULT, NewSession, OpenSessionOutcome, SessionStore, SessionWithUser};

pub use check::{CheckBatch, CheckCursor, CheckMode, CheckReport, Finding, FindingKind, FindingState, mask_email};

use userd_core::{
    AccountStatus, Actor, CanonicalEmail, DisplayName, Email, EventKind, PasswordHash, SessionId, Timestamp, User,
    UserId, UserVersion,
};

/// What the doctor asks of a store: to look at itself, a portion at a time.
#[async_trait]
pub trait ConsistencyCheck: Send + Sync + 'static {
    /// Looks at the next portion of what is kept, and with [`CheckMode::Repair`] mends what can be mended without
    /// guessing.
    ///
    /// May run at any moment, beside any number of users of the store and of other passes; asked again from the
    /// same place it does the same. A pass begins at [`CheckCursor::start`] and ends when there is no `next`. What was
    /// there from its beginning to its end has been looked at, unless the answer says `topology_changed`. What is under
    /// way, within its time, is no finding. Each round trip within has the store's own time limit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store can't be asked; the place is still good. What can't be read is a
    /// finding and no error.
    async fn check_batch(&self, batch: &CheckBatch, now: Timestamp) -> Result<CheckReport, StoreError>;
}

/// Where users are kept. See the module's text for what an implementer promises.
#[async_trait]
pub trait Store:
    UserListing + ConsistencyCheck + SessionStore + RateLimitStore + KeyStore + ImportStore + ExportStore
{
    /// Adds a user whose `version` is [`UserVersion::FIRST`].
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError>;

    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this e-mail.
    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError>;

    /// How many users there are.
    async fn users_count(&self) -> Result<u64, StoreError>;

    /// Gives the user another name and e-mail in one step, if they still are at `expected`.
    /// The same canonical e-mail is no conflict, and takes over the new spelling.
    async fn update_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Gives the user another password, which is not expired, if they still are at `expected`, and ends all their
    /// sessions but `keep`.
    async fn update_password(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Rules about an account, if the user still is at `expected`; see [`StatusUpdate`]. Ends all their sessions in the same
    /// step, unless it only opens the account again.
    async fn update_status(
        &self,
        id: UserId,
        expected: UserVersion,
        status_update: &StatusUpdate,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Keeps the same password under another hash, if the user still is at `expected`; `updated_at` stays.
    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Removes the user with all their sessions, if they still are at `expected`. The e-mail is free afterwards.
    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError>;

    /// Asks the store whether it can serve reads and writes now. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the reason, for the operator's log and not for a client.
    async fn check_health(&self) -> Result<(), StoreError>;

    /// Finishes what is under way and lets go of files and connections. The store is not used afterwards.
    async fn close(&self);
}

/// What [`Store::update_profile`] sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProfile {
    /// The new name.
    pub name: DisplayName,
    /// The new e-mail.
    pub email: Email,
}

/// What an administrator rules about an account, with [`Store::update_status`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// What holds from now on.
    pub status: AccountStatus,
    /// The password from now on; `None` leaves it as it is.
    pub password_hash: Option<PasswordHash>,
    /// What is written into the account's history.
    pub kind: EventKind,
}

impl StatusUpdate {
    /// What it makes of the user.
    pub fn apply(&self, user: &mut User) {
        user.status = self.status;
        if let Some(hash) = &self.password_hash {
            user.password_hash = hash.clone();
        }
    }

    /// Whether it ends the user's sessions: all but the opening of an account do.
    #[must_use]
    pub fn revokes_sessions(&self) -> bool {
        self.kind != EventKind::Enabled
    }
}

/// What became of [`Store::create_user`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateUserOutcome {
    /// The user is there.
    Created,
    /// Another user has, or is just about to get, the e-mail; nothing was changed.
    EmailTaken,
    /// The place where this id belongs is being moved; nothing was changed. Another id belongs elsewhere: try again
    /// with a fresh one.
    Resharding,
}

/// What became of a change to one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateUserOutcome {
    /// Done; this is the user now.
    Updated(Box<User>),
    /// The user has changed since `expected`; nothing was changed. Read again and decide again.
    VersionConflict,
    /// Another user has, or is just about to get, the e-mail; nothing was changed.
    EmailTaken,
    /// There is no such user.
    NotFound,
}

/// What became of [`Store::delete_user`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteUserOutcome {
    /// The user is gone.
    Deleted,
    /// The user has changed since `expected`; nothing was changed. Read again and decide again.
    VersionConflict,
    /// There is no such user.
    NotFound,
}

/// Why a store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Lost, slow, full, read-only or overloaded: worth another try later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// What is kept under `key` can't be read. Other keys are not affected.
    #[error("the record at {key} can't be read")]
    Corrupt {
        /// Where it lies, for the operator; an e-mail in it is never shown whole.
        key: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl StoreError {
    /// The store can't do it now, because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// What lies at `key` can't be read, because of `source`.
    pub fn corrupt(key: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Corrupt { key: key.into(), source: source.into() }
    }
}
