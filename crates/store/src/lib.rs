//! The contract of the place where users are kept, designed for its weakest implementation.
//!
//! Redis has no transaction across a round trip, so there is no `begin`, no `commit`, no `exists`: each
//! method is one meaningful act that happens whole or not at all, whatever crashes between its steps. An
//! outcome that a caller expects (`Taken`, `Stale`, `Missing`) is a value; an error means that the store
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
//! - What happens to an account is written into its history in the same step (see [`SessionStore`]); `client` is who
//!   did it. A repeat is not written twice.
//! - Every call ends within the implementation's configured time limit.
//! - `now` is the caller's clock. It is recorded and it decides when an unfinished act of somebody else may
//!   be given up; safety never depends on it.
//!
//! # How to add a store
//! Implement [`Store`] in a module below this one, give `tests/it/contract` a way to open a fresh one, and
//! add a line to `app::wiring`'s `open_counted`.

mod directory;
mod finding;
mod keys;
mod legacy;
mod measured;
#[cfg(feature = "memory")]
pub mod memory;
mod sessions;
mod throttle;
mod transfer;

use std::error::Error as StdError;

use async_trait::async_trait;

pub use directory::{Directory, EventPlace, Listed, Order, Span};
pub use keys::{KEY_BYTES_MAX, KeyKind, KeyStore, StoredKey};
pub use legacy::{LegacyPage, LegacyRecord, LegacySource};
pub use measured::Measured;
pub use sessions::{EVENTS_KEPT, NewSession, Open, SessionStore, SignedIn};
pub use throttle::Throttle;
pub use transfer::{Account, Arrival, Departure, Exporting, IMPORTED_SESSIONS_MAX, Importing};

pub use finding::{Examined, Finding, FindingKind, FindingState, Place, Portion, Treatment, mask};

use userd_core::{
    CanonicalEmail, Client, Email, EventKind, Name, PasswordHash, SessionId, Standing, Timestamp, User, UserId, Version,
};

/// What the doctor asks of a store: to look at itself, a portion at a time.
#[async_trait]
pub trait Examine: Send + Sync + 'static {
    /// Looks at the next portion of what is kept, and with [`Treatment::Repair`] mends what can be mended without
    /// guessing.
    ///
    /// May run at any moment, beside any number of users of the store and of other passes; asked again from the
    /// same place it does the same. A pass begins at [`Place::start`] and ends when there is no `next`. What was
    /// there from its beginning to its end has been looked at, unless the answer says `disturbed`. What is under
    /// way, within its time, is no finding. Each round trip within has the store's own time limit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store can't be asked; the place is still good. What can't be read is a
    /// finding and no error.
    async fn examine(&self, portion: &Portion, now: Timestamp) -> Result<Examined, StoreError>;
}

/// Where users are kept. See the module's text for what an implementer promises.
#[async_trait]
pub trait Store: Directory + Examine + SessionStore + Throttle + KeyStore + Importing + Exporting {
    /// Adds a user whose `version` is [`Version::FIRST`].
    async fn insert_user(&self, user: &User, client: &Client) -> Result<Insert, StoreError>;

    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this e-mail.
    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError>;

    /// How many users there are.
    async fn users_count(&self) -> Result<u64, StoreError>;

    /// Gives the user another name and e-mail in one step, if they still are at `expected`.
    /// The same canonical e-mail is no conflict, and takes over the new spelling.
    async fn replace_profile(
        &self,
        id: UserId,
        expected: Version,
        profile: &Profile,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError>;

    /// Gives the user another password, which is not expired, if they still are at `expected`, and ends all their
    /// sessions but `keep`.
    async fn replace_password(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError>;

    /// Rules about an account, if the user still is at `expected`; see [`Ruling`]. Ends all their sessions in the same
    /// step, unless it only opens the account again.
    async fn replace_standing(
        &self,
        id: UserId,
        expected: Version,
        ruling: &Ruling,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError>;

    /// Keeps the same password under another hash, if the user still is at `expected`; `updated_at` stays.
    async fn replace_password_hash(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
    ) -> Result<Update, StoreError>;

    /// Removes the user with all their sessions, if they still are at `expected`. The e-mail is free afterwards.
    async fn remove_user(
        &self,
        id: UserId,
        expected: Version,
        client: &Client,
        now: Timestamp,
    ) -> Result<Remove, StoreError>;

    /// Asks the store whether it can serve reads and writes now. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the reason, for the operator's log and not for a client.
    async fn check(&self) -> Result<(), StoreError>;

    /// Finishes what is under way and lets go of files and connections. The store is not used afterwards.
    async fn close(&self);
}

/// What [`Store::replace_profile`] sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The new name.
    pub name: Name,
    /// The new e-mail.
    pub email: Email,
}

/// What an administrator rules about an account, with [`Store::replace_standing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What holds from now on.
    pub standing: Standing,
    /// The password from now on; `None` leaves it as it is.
    pub password_hash: Option<PasswordHash>,
    /// What is written into the account's history.
    pub kind: EventKind,
}

impl Ruling {
    /// What it makes of the user.
    pub fn apply(&self, user: &mut User) {
        user.standing = self.standing;
        if let Some(hash) = &self.password_hash {
            user.password_hash = hash.clone();
        }
    }

    /// Whether it ends the user's sessions: all but the opening of an account do.
    #[must_use]
    pub fn ends_sessions(&self) -> bool {
        self.kind != EventKind::Enabled
    }
}

/// What became of [`Store::insert_user`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insert {
    /// The user is there.
    Inserted,
    /// Another user has, or is just about to get, the e-mail; nothing was changed.
    Taken,
    /// The place where this id belongs is being moved; nothing was changed. Another id belongs elsewhere: try again
    /// with a fresh one.
    Moving,
}

/// What became of a change to one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Done; this is the user now.
    Updated(Box<User>),
    /// The user has changed since `expected`; nothing was changed. Read again and decide again.
    Stale,
    /// Another user has, or is just about to get, the e-mail; nothing was changed.
    Taken,
    /// There is no such user.
    Missing,
}

/// What became of [`Store::remove_user`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remove {
    /// The user is gone.
    Removed,
    /// The user has changed since `expected`; nothing was changed. Read again and decide again.
    Stale,
    /// There is no such user.
    Missing,
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
