//! What an administrator can do: list and find users, rule about their accounts, read their histories. No password of
//! theirs is asked for; who may call this decides `http`, or whoever opens the store.
//!
//! | module | what it is |
//! |---|---|
//! | `listing` | lists in pages |
//! | `cursor` | where a page begins, as text that a caller keeps |
//!
//! A change goes in rounds as in `users`: read, look at the precondition, change the user in the version that was read.

mod cursor;
mod listing;

use std::sync::Arc;

use crate::users::{CAS_ATTEMPTS_MAX, password_rejected};
use crate::{CredentialVerifier, Error, Precondition, SignUpRequest, UserService};
use userd_core::clock::Clock;
use userd_core::{AccountStatus, Actor, EventKind, Password, PasswordHash, User, UserId};
use userd_store::{DeleteUserOutcome, StatusUpdate, Store, UpdateUserOutcome};

pub use cursor::{InvalidCursor, PageCursor};
pub use listing::{EVENTS_ORDER, PageRequest, ResultPage, UserListingRequest};

/// The use cases of administrators.
pub struct AdminService {
    store: Arc<dyn Store>,
    users: Arc<UserService>,
    credentials: Arc<CredentialVerifier>,
    clock: Arc<dyn Clock>,
}

/// Somebody becomes a user without asking for it themselves.
#[derive(Debug)]
pub struct CreateAccountRequest {
    /// Who, with which password.
    pub sign_up: SignUpRequest,
    /// Whether they have to choose another password before they can sign in.
    pub password_expired: bool,
}

/// What shall be ruled about an account; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpdateStatusRequest {
    /// Whether it is shut.
    pub disabled: Option<bool>,
    /// Whether its password is good for nothing but being changed.
    pub password_expired: Option<bool>,
}

/// A password that somebody else has chosen for a user.
#[derive(Debug)]
pub struct SetPasswordRequest {
    /// The password from now on.
    pub new_password: Password,
    /// Whether the user has to choose another one before they can sign in.
    pub password_expired: bool,
}

/// What there is, at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStats {
    /// How many users there are.
    pub users: u64,
    /// The kind of the store.
    pub store: &'static str,
    /// The version of userd.
    pub version: &'static str,
}

/// What becomes of a user in one round: the ruling that makes it so, or nothing to do.
type StatusDecision = Result<Option<StatusUpdate>, Error>;

impl AdminService {
    /// The use cases over `store`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        users: Arc<UserService>,
        credentials: Arc<CredentialVerifier>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, users, credentials, clock }
    }

    /// What can be done with users as everybody else does it: looking them up.
    #[must_use]
    pub fn users(&self) -> &UserService {
        &self.users
    }

    /// Makes somebody a user.
    ///
    /// # Errors
    /// As [`UserService::sign_up`].
    pub async fn create(&self, account: CreateAccountRequest, actor: &Actor) -> Result<User, Error> {
        let status = AccountStatus { disabled: false, password_expired: account.password_expired };
        self.users.sign_up_with_status(account.sign_up, status, actor).await
    }

    /// Shuts or opens an account, or declares its password expired or not. What holds already changes nothing and is no
    /// event.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::PreconditionFailed`], [`Error::Contended`], [`Error::Store`].
    pub async fn update_status(
        &self,
        id: UserId,
        wanted: UpdateStatusRequest,
        precondition: &Precondition,
        actor: &Actor,
    ) -> Result<User, Error> {
        self.retry_on_conflict(id, precondition, actor, |user| Ok(wanted.status_update(user.status))).await
    }

    /// Gives a user a password, and ends all their sessions. A disabled account stays disabled.
    ///
    /// # Errors
    /// As [`Self::update_status`], and [`Error::PasswordRejected`], [`Error::Busy`].
    pub async fn set_password(
        &self,
        id: UserId,
        given: SetPasswordRequest,
        precondition: &Precondition,
        actor: &Actor,
    ) -> Result<User, Error> {
        let user = self.users.user(id).await?;
        // Looked at before the hash, which takes its time; the rounds look again.
        precondition.check(user.version)?;
        given.new_password.check_personal(&user.name, &user.email).map_err(password_rejected)?;
        let (name, email) = (user.name, user.email);
        let password_hash = self.hash(given.new_password).await?;
        self.retry_on_conflict(id, precondition, actor, |user| {
            if user.name != name || user.email != email {
                // The password was compared with the name and e-mail that they had, and is gone.
                return Err(Error::Contended { attempts: 1 });
            }
            let status = AccountStatus { password_expired: given.password_expired, ..user.status };
            let password_hash = Some(password_hash.clone());
            Ok(Some(StatusUpdate { status, password_hash, kind: EventKind::PasswordChanged }))
        })
        .await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn revoke_sessions(&self, id: UserId, actor: &Actor) -> Result<(), Error> {
        let there = self.store.revoke_other_sessions(id, None, actor, self.clock.now()).await?;
        if there { Ok(()) } else { Err(Error::UnknownUser) }
    }

    /// Deletes a user, and tells who that was.
    ///
    /// # Errors
    /// As [`Self::update_status`].
    pub async fn delete(&self, id: UserId, precondition: &Precondition, actor: &Actor) -> Result<User, Error> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let user = self.users.user(id).await?;
            precondition.check(user.version)?;
            match self.store.delete_user(id, user.version, actor, self.clock.now()).await? {
                DeleteUserOutcome::Deleted => return Ok(user),
                DeleteUserOutcome::NotFound => return Err(Error::UnknownUser),
                DeleteUserOutcome::VersionConflict => precondition.on_conflict()?,
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// What there is.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn stats(&self) -> Result<ServiceStats, Error> {
        let users = self.store.users_count().await?;
        Ok(ServiceStats { users, store: self.store.kind(), version: env!("CARGO_PKG_VERSION") })
    }

    async fn hash(&self, password: Password) -> Result<PasswordHash, Error> {
        self.credentials.hasher().hash(password).await.map_err(Error::from_hashing)
    }

    async fn retry_on_conflict(
        &self,
        id: UserId,
        precondition: &Precondition,
        actor: &Actor,
        decide: impl Fn(&User) -> StatusDecision + Send,
    ) -> Result<User, Error> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let user = self.users.user(id).await?;
            precondition.check(user.version)?;
            let Some(status_update) = decide(&user)? else { return Ok(user) };
            match self.store.update_status(id, user.version, &status_update, actor, self.clock.now()).await? {
                UpdateUserOutcome::Updated(user) => return Ok(*user),
                UpdateUserOutcome::NotFound => return Err(Error::UnknownUser),
                // `EmailTaken` can't come of a change that leaves the e-mail alone; another round finds out.
                UpdateUserOutcome::VersionConflict | UpdateUserOutcome::EmailTaken => precondition.on_conflict()?,
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }
}

impl UpdateStatusRequest {
    /// The ruling that makes it so where `status` holds; `None` if it is so.
    ///
    /// Of several changes at once the event names the weightiest, and one that shuts somebody out always ends their
    /// sessions.
    fn status_update(self, status: AccountStatus) -> Option<StatusUpdate> {
        let next = AccountStatus {
            disabled: self.disabled.unwrap_or(status.disabled),
            password_expired: self.password_expired.unwrap_or(status.password_expired),
        };
        let kind = match () {
            () if next == status => return None,
            () if next.disabled && !status.disabled => EventKind::Disabled,
            () if next.password_expired && !status.password_expired => EventKind::PasswordExpired,
            () => EventKind::Enabled,
        };
        Some(StatusUpdate { status: next, password_hash: None, kind })
    }
}
