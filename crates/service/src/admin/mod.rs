//! Administration: list and find users, update account status, read histories. The user's password is not required;
//! `http`, or the process that opens the store, authorises the caller.
//!
//! | module | content |
//! |---|---|
//! | `listing` | pages of lists |
//! | `cursor` | page cursors |
//!
//! A change runs in rounds as in `users`: read, check the precondition, write to the version that was read.

mod cursor;
mod listing;

use std::sync::Arc;

use crate::credentials::updated_user;
use crate::users::{CAS_ATTEMPTS_MAX, password_rejected};
use crate::{Error, Precondition, SignUpRequest, UserService};
use userd_core::{AccountStatus, Actor, EventKind, Password, User, UserId};
use userd_store::StatusUpdate;

pub use cursor::{InvalidCursor, PageCursor};
pub use listing::{EVENTS_ORDER, PageRequest, ResultPage, UserListingRequest};

/// The use cases of administrators, on the store of those of users.
pub struct AdminService {
    pub(super) users: Arc<UserService>,
}

/// A request to create an account for a user.
#[derive(Debug)]
pub struct CreateAccountRequest {
    /// Name, e-mail and password.
    pub sign_up: SignUpRequest,
    /// Whether the user must change the password before the first sign-in.
    pub password_expired: bool,
}

/// A change of an account's status; `None` leaves a field as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpdateStatusRequest {
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// Whether the password has expired.
    pub password_expired: Option<bool>,
}

/// A request to set a user's password.
#[derive(Debug)]
pub struct SetPasswordRequest {
    /// The new password.
    pub new_password: Password,
    /// Whether the user must change it before the next sign-in.
    pub password_expired: bool,
}

/// Basic facts about the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStats {
    /// The number of users.
    pub users: u64,
    /// The kind of the store.
    pub store: &'static str,
    /// The version of userd.
    pub version: &'static str,
}

impl AdminService {
    /// Creates a user.
    ///
    /// # Errors
    /// As [`UserService::sign_up`].
    pub async fn create(&self, account: CreateAccountRequest, actor: &Actor) -> Result<User, Error> {
        let status = AccountStatus { disabled: false, password_expired: account.password_expired };
        self.users.sign_up_with_status(account.sign_up, status, actor).await
    }

    /// Disables or enables an account, or sets whether its password has expired. Idempotent: setting the current status
    /// writes no event.
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
        self.retry_on_conflict(id, precondition, |user| async move {
            let Some(status_update) = wanted.status_update(user.status) else { return Ok(Some(user)) };
            self.write_status(&user, &status_update, actor).await
        })
        .await
    }

    /// Sets a user's password and ends all sessions. A disabled account stays disabled.
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
        // Checked before the expensive hash; each round checks again.
        precondition.check(user.version)?;
        given.new_password.check_personal(&user.name, &user.email).map_err(password_rejected)?;
        let password_hash = Some(self.users.credentials.hash(&given.new_password).await?);
        let (checked, password_hash) = (&user, &password_hash);
        self.retry_on_conflict(id, precondition, |user| async move {
            if user.name != checked.name || user.email != checked.email {
                // The password was checked against the previous name and e-mail.
                return Err(Error::Contended { attempts: 1 });
            }
            let status = AccountStatus { password_expired: given.password_expired, ..user.status };
            let password_hash = password_hash.clone();
            let status_update = StatusUpdate { status, password_hash, kind: EventKind::PasswordChanged };
            self.write_status(&user, &status_update, actor).await
        })
        .await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn revoke_sessions(&self, id: UserId, actor: &Actor) -> Result<(), Error> {
        let UserService { store, clock, .. } = &*self.users;
        let there = store.revoke_other_sessions(id, None, actor, clock.now()).await?;
        if there { Ok(()) } else { Err(Error::UnknownUser) }
    }

    /// Deletes a user and returns the deleted record.
    ///
    /// # Errors
    /// As [`Self::update_status`].
    pub async fn delete(&self, id: UserId, precondition: &Precondition, actor: &Actor) -> Result<User, Error> {
        self.retry_on_conflict(id, precondition, |user| self.users.delete_version(user, actor)).await
    }

    /// The number of users and the kind of the store.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn stats(&self) -> Result<ServiceStats, Error> {
        let users = self.users.count().await?;
        Ok(ServiceStats { users, store: self.users.store.kind(), version: env!("CARGO_PKG_VERSION") })
    }

    /// Makes a change in rounds. `round` gets the current user; it returns `None` on a version conflict.
    async fn retry_on_conflict<F: Future<Output = Result<Option<User>, Error>>>(
        &self,
        id: UserId,
        precondition: &Precondition,
        round: impl Fn(User) -> F,
    ) -> Result<User, Error> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let user = self.users.user(id).await?;
            precondition.check(user.version)?;
            if let Some(changed) = round(user).await? {
                return Ok(changed);
            }
            precondition.on_conflict()?;
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// Writes the update to the version that was read; `None` on a version conflict.
    async fn write_status(&self, user: &User, update: &StatusUpdate, actor: &Actor) -> Result<Option<User>, Error> {
        let UserService { store, clock, .. } = &*self.users;
        updated_user(store.update_status(user.id, user.version, update, actor, clock.now()).await?)
    }
}

impl UpdateStatusRequest {
    /// The update that leads to this status; `None` if it holds already.
    ///
    /// If several fields change, the event names the most severe change. An update that disables the account or expires
    /// the password always ends its sessions.
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
