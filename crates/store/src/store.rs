//! [`Store`]: the users themselves. What an implementer guarantees is in the crate's documentation.

use async_trait::async_trait;
use userd_core::{Actor, CanonicalEmail, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};

use crate::check::ConsistencyCheck;
use crate::error::StoreError;
use crate::import_export::{ExportStore, ImportStore};
use crate::listing::UserListing;
use crate::rate_limit::RateLimitStore;
use crate::service_keys::KeyStore;
use crate::sessions::SessionStore;
use crate::users::{CreateUserOutcome, DeleteUserOutcome, StatusUpdate, UpdateUserOutcome, UserProfile};

/// Where accounts are stored. The crate's documentation has what an implementer guarantees.
#[async_trait]
pub trait Store:
    UserListing + ConsistencyCheck + SessionStore + RateLimitStore + KeyStore + ImportStore + ExportStore
{
    /// Creates a user whose `version` is [`UserVersion::FIRST`].
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError>;

    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this e-mail.
    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError>;

    /// The number of users.
    async fn users_count(&self) -> Result<u64, StoreError>;

    /// Sets name and e-mail in one step, if the user is still at `expected`.
    /// The same canonical e-mail is no conflict: its new spelling replaces the old one.
    async fn update_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Sets a password that is not expired, if the user is still at `expected`, and revokes all the user's sessions
    /// except `keep` in the same step.
    async fn update_password(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Updates the account status, if the user is still at `expected`; see [`StatusUpdate`]. Revokes all the user's
    /// sessions in the same step, unless it only enables the account.
    async fn update_status(
        &self,
        id: UserId,
        expected: UserVersion,
        status_update: &StatusUpdate,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Replaces the hash of the same password, if the user is still at `expected`; `updated_at` stays.
    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError>;

    /// Deletes the user with all sessions, if the user is still at `expected`. The e-mail is free afterwards.
    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError>;

    /// Checks whether the store can serve reads and writes now. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the reason, for the operator's log and not for a client.
    async fn check_health(&self) -> Result<(), StoreError>;

    /// Finishes the calls in flight and releases files and connections. The store is not used afterwards.
    async fn close(&self);
}
