//! Users: sign up, look up, update the profile, change the password, delete.
//!
//! A change runs in rounds: read the user, verify the password against that record, then write to *the version that was
//! read*. On a `VersionConflict` the next round reads again, so that a password is never accepted against a stale
//! record. The password is hashed again only if the stored hash has changed.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::credentials::{CredentialVerifier, PasswordCheck, PasswordPurpose, updated_user};
use crate::{Error, ServiceDependencies};
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_core::{
    AccountStatus, Actor, CanonicalEmail, DisplayName, Email, Password, PasswordAttempt, PasswordError, Timestamp,
    User, UserId, UserVersion,
};
use userd_store::{CreateUserOutcome, DeleteUserOutcome, Store, StoreError, UserProfile};

/// How often a change is retried on a version conflict: this many concurrent writers of one user all succeed. A round
/// costs a look-up and a write; it hashes the password only if the stored hash is another than the one already
/// verified.
pub(super) const CAS_ATTEMPTS_MAX: u32 = 10;

/// How many ids a sign-up tries while keys are resharded: a cluster moves one slot at a time, so the second id is
/// nearly always elsewhere.
const ID_ATTEMPTS_MAX: u32 = 5;

/// The use cases of users.
pub struct UserService {
    pub(super) store: Arc<dyn Store>,
    pub(super) credentials: Arc<CredentialVerifier>,
    pub(super) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A request to sign up.
#[derive(Debug)]
pub struct SignUpRequest {
    /// The display name.
    pub name: DisplayName,
    /// The e-mail; unique.
    pub email: Email,
    /// The password.
    pub password: Password,
}

/// A request to change name or e-mail.
#[derive(Debug)]
pub struct UpdateUserRequest {
    /// The new name and e-mail.
    pub profile: UserProfile,
    /// The current password.
    pub password: PasswordAttempt,
}

/// A request to change the password.
#[derive(Debug)]
pub struct ChangePasswordRequest {
    /// The current password.
    pub password: PasswordAttempt,
    /// The new password.
    pub new_password: Password,
}

/// A request to delete the account.
#[derive(Debug)]
pub struct DeleteUserRequest {
    /// The current password.
    pub password: PasswordAttempt,
}

/// The versions of a user for which a change is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Any.
    Any,
    /// Only one of these.
    OneOf(Vec<UserVersion>),
}

impl Precondition {
    /// Fails if the version does not meet the precondition.
    pub(super) fn check(&self, version: UserVersion) -> Result<(), Error> {
        match self {
            Self::OneOf(versions) if !versions.contains(&version) => Err(Error::PreconditionFailed),
            Self::Any | Self::OneOf(_) => Ok(()),
        }
    }

    /// On a version conflict: fails if the caller named a version, otherwise starts another round.
    pub(super) fn on_conflict(&self) -> Result<(), Error> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(_) => Err(Error::PreconditionFailed),
        }
    }
}

impl UserService {
    /// Verifies passwords with `credentials`.
    pub(super) fn new(dependencies: &ServiceDependencies, credentials: Arc<CredentialVerifier>) -> Self {
        let ServiceDependencies { store, clock, random, .. } = dependencies.clone();
        Self { store, credentials, clock, random }
    }

    /// Creates a user.
    ///
    /// The e-mail is not checked before the hash: only the insertion decides who gets it.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::PasswordRejected`], [`Error::Busy`], [`Error::Store`].
    pub async fn sign_up(&self, sign_up: SignUpRequest, actor: &Actor) -> Result<User, Error> {
        self.sign_up_with_status(sign_up, AccountStatus::default(), actor).await
    }

    /// The same with an initial status.
    pub(super) async fn sign_up_with_status(
        &self,
        sign_up: SignUpRequest,
        status: AccountStatus,
        actor: &Actor,
    ) -> Result<User, Error> {
        let SignUpRequest { name, email, password } = sign_up;
        password.check_personal(&name, &email).map_err(|rule| Error::PasswordRejected { field: "password", rule })?;
        let password_hash = self.credentials.hash(&password).await?;
        let now = self.clock.now();
        let (created_at, updated_at, version) = (now, now, UserVersion::FIRST);
        let mut user =
            User { id: self.generate_id(now), name, email, password_hash, status, created_at, updated_at, version };
        for _ in 0..ID_ATTEMPTS_MAX {
            match self.store.create_user(&user, actor).await? {
                CreateUserOutcome::Created => return Ok(user),
                CreateUserOutcome::EmailTaken => return Err(Error::EmailTaken),
                CreateUserOutcome::Resharding => user.id = self.generate_id(now),
            }
        }
        Err(StoreError::unavailable("the slots of all ids tried are being resharded").into())
    }

    fn generate_id(&self, now: Timestamp) -> UserId {
        UserId::generate(now, self.random.bytes())
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn user(&self, id: UserId) -> Result<User, Error> {
        self.store.user(id).await?.ok_or(Error::UnknownUser)
    }

    /// The user with this e-mail, in any spelling. An invalid address is an unknown user.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn user_by_email(&self, address: &str) -> Result<User, Error> {
        let Ok(email) = CanonicalEmail::parse(address) else { return Err(Error::UnknownUser) };
        self.store.user_by_email(&email).await?.ok_or(Error::UnknownUser)
    }

    /// The number of users.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self) -> Result<u64, Error> {
        Ok(self.store.users_count().await?)
    }

    /// Changes name and e-mail, and upgrades an outdated password hash.
    ///
    /// # Errors
    /// Every variant but [`Error::PasswordRejected`].
    pub async fn update_profile(
        &self,
        id: UserId,
        replacement: &UpdateUserRequest,
        precondition: &Precondition,
        actor: &Actor,
    ) -> Result<User, Error> {
        let UpdateUserRequest { profile, password } = replacement;
        let round = |user: User, needs_rehash| async move {
            let user = if needs_rehash { self.credentials.upgrade_hash(&user, password).await? } else { Some(user) };
            let Some(user) = user else { return Ok(None) };
            updated_user(self.store.update_profile(id, user.version, profile, actor, self.clock.now()).await?)
        };
        self.change(id, (password, PasswordPurpose::Other), precondition, actor, round).await
    }

    /// Changes the password, and ends all sessions but the actor's.
    ///
    /// # Errors
    /// Every variant but [`Error::EmailTaken`].
    pub async fn change_password(
        &self,
        id: UserId,
        change: &ChangePasswordRequest,
        precondition: &Precondition,
        actor: &Actor,
    ) -> Result<User, Error> {
        let ChangePasswordRequest { password, new_password } = change;
        // The new hash does not depend on the record: one is enough for all rounds.
        let new_hash = &OnceCell::new();
        let keep = actor.principal.session();
        let round = |user: User, _| async move {
            new_password.check_personal(&user.name, &user.email).map_err(password_rejected)?;
            // Only an expired password must change; any other may be set again.
            if user.status.password_expired && new_password.matches(password) {
                return Err(password_rejected(PasswordError::Unchanged));
            }
            let hash = new_hash.get_or_try_init(|| self.credentials.hash(new_password)).await?;
            updated_user(self.store.update_password(id, user.version, hash, keep, actor, self.clock.now()).await?)
        };
        self.change(id, (password, PasswordPurpose::NewPassword), precondition, actor, round).await
    }

    /// Deletes a user and returns the deleted record.
    ///
    /// # Errors
    /// Every variant but [`Error::EmailTaken`] and [`Error::PasswordRejected`].
    pub async fn delete(
        &self,
        id: UserId,
        removal: &DeleteUserRequest,
        precondition: &Precondition,
        actor: &Actor,
    ) -> Result<User, Error> {
        let round = |user, _| self.delete_version(user, actor);
        self.change(id, (&removal.password, PasswordPurpose::Other), precondition, actor, round).await
    }

    /// Deletes the version of the user that was read; `None` on a version conflict.
    pub(super) async fn delete_version(&self, user: User, actor: &Actor) -> Result<Option<User>, Error> {
        match self.store.delete_user(user.id, user.version, actor, self.clock.now()).await? {
            DeleteUserOutcome::Deleted => Ok(Some(user)),
            DeleteUserOutcome::NotFound => Err(Error::UnknownUser),
            DeleteUserOutcome::VersionConflict => Ok(None),
        }
    }

    /// Makes a change in rounds. `round` gets the current user, whose password is `attempt`, and whether the hash is
    /// outdated; it returns `None` on a version conflict.
    ///
    /// The precondition is checked after the password, so that it reveals nothing to an attacker.
    async fn change<F: Future<Output = Result<Option<User>, Error>>>(
        &self,
        id: UserId,
        (attempt, purpose): (&PasswordAttempt, PasswordPurpose),
        precondition: &Precondition,
        actor: &Actor,
        round: impl Fn(User, bool) -> F,
    ) -> Result<User, Error> {
        let mut check = PasswordCheck::default();
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (user, needs_rehash) = self.credentials.verify_id(id, attempt, purpose, actor, &mut check).await?;
            precondition.check(user.version)?;
            if let Some(changed) = round(user, needs_rehash).await? {
                return Ok(changed);
            }
            precondition.on_conflict()?;
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }
}

pub(super) fn password_rejected(rule: PasswordError) -> Error {
    Error::PasswordRejected { field: "new_password", rule }
}
