//! What can be done with users: sign up, look up, replace the profile, change the password, delete.
//!
//! A change to a user goes in rounds: read the user, check the password against what was read, then change
//! the user *in the version that was read*. If somebody else was faster the store says `VersionConflict`, and the round
//! begins again with the read, so that a password is never accepted against a state that is no longer true: only
//! where the hash is still the one that it was found right against, it is not hashed once more.

use std::sync::Arc;

use crate::credentials::{CredentialVerifier, PasswordCheck, PasswordPurpose};
use crate::{Error, PasswordField};
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_core::{
    AccountStatus, Actor, CanonicalEmail, DisplayName, Email, Password, PasswordAttempt, PasswordError, PasswordHash,
    PasswordPolicy, Timestamp, User, UserId, UserVersion,
};
use userd_store::{CreateUserOutcome, DeleteUserOutcome, Store, StoreError, UpdateUserOutcome, UserProfile};

/// How often a change is tried when the user changes under it. As many writers of one user as this can be under
/// way at once and all succeed. A round costs a look-up and a write; the password is hashed again only in a round
/// that meets another hash than the one it was found right against.
pub(super) const CAS_ATTEMPTS_MAX: u32 = 10;

/// How many ids a sign-up tries while places of users are being moved: one slot of a cluster moves at a time, so the
/// second nearly always lies elsewhere.
const ID_ATTEMPTS_MAX: u32 = 5;

/// The use cases around users.
pub struct UserService {
    store: Arc<dyn Store>,
    credentials: Arc<CredentialVerifier>,
    policy: PasswordPolicy,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// Somebody wants to become a user.
#[derive(Debug)]
pub struct SignUpRequest {
    /// What they want to be called.
    pub name: DisplayName,
    /// Where they can be reached; nobody else may have it.
    pub email: Email,
    /// What they want to prove themselves with.
    pub password: Password,
}

/// A user wants another name or e-mail.
#[derive(Debug)]
pub struct UpdateUserRequest {
    /// The new name and e-mail.
    pub profile: UserProfile,
    /// The proof that it is the user who asks.
    pub password: PasswordAttempt,
}

/// A user wants another password.
#[derive(Debug)]
pub struct ChangePasswordRequest {
    /// The proof that it is the user who asks.
    pub password: PasswordAttempt,
    /// What shall be the password from now on.
    pub new_password: Password,
}

/// A user wants to be forgotten.
#[derive(Debug)]
pub struct DeleteUserRequest {
    /// The proof that it is the user who asks.
    pub password: PasswordAttempt,
}

/// In which states of the user a change is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// In any.
    Any,
    /// Only in one of these.
    OneOf(Vec<UserVersion>),
}

impl Precondition {
    fn allows(&self, version: UserVersion) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }

    /// The error where the user is in another state than is wanted.
    pub(super) fn check(&self, version: UserVersion) -> Result<(), Error> {
        if self.allows(version) { Ok(()) } else { Err(Error::PreconditionFailed) }
    }

    /// What to do when somebody else was faster: the caller who named a state is told, others get a new round.
    pub(super) fn on_conflict(&self) -> Result<(), Error> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(_) => Err(Error::PreconditionFailed),
        }
    }
}

impl UserService {
    /// The use cases over `store`, with passwords checked by `credentials`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        credentials: Arc<CredentialVerifier>,
        policy: PasswordPolicy,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { store, credentials, policy, clock, random }
    }

    /// Makes somebody a user.
    ///
    /// There is no look at the e-mail before the hash: only the insertion decides who gets it.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::PasswordRejected`], [`Error::Busy`], [`Error::Store`].
    pub async fn sign_up(&self, sign_up: SignUpRequest, actor: &Actor) -> Result<User, Error> {
        self.sign_up_with_status(sign_up, AccountStatus::default(), actor).await
    }

    /// The same with a standing from the beginning.
    pub(super) async fn sign_up_with_status(
        &self,
        sign_up: SignUpRequest,
        status: AccountStatus,
        actor: &Actor,
    ) -> Result<User, Error> {
        let SignUpRequest { name, email, password } = sign_up;
        password
            .check_personal(&name, &email)
            .map_err(|rule| Error::PasswordRejected { field: PasswordField::Password, rule })?;
        let password_hash = self.credentials.hasher().hash(password).await.map_err(Error::from_hashing)?;
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
        Err(StoreError::unavailable("the places of all ids that were tried are being moved").into())
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

    /// The user with the e-mail that `address` spells, in whatever spelling. What is no address is nobody's.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn user_by_email(&self, address: &str) -> Result<User, Error> {
        let Ok(email) = CanonicalEmail::parse(address) else { return Err(Error::UnknownUser) };
        self.store.user_by_email(&email).await?.ok_or(Error::UnknownUser)
    }

    /// How many users there are.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self) -> Result<u64, Error> {
        Ok(self.store.users_count().await?)
    }

    /// Gives a user another name and e-mail, and upgrades an outdated password hash on the way.
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
        let mut check = PasswordCheck::default();
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (user, needs_rehash) = self
                .authenticate(id, &replacement.password, (PasswordPurpose::Other, precondition), actor, &mut check)
                .await?;
            let current = if needs_rehash {
                self.credentials.upgrade_hash(&user, &replacement.password).await?
            } else {
                Some(user)
            };
            let outcome = match current {
                Some(user) => {
                    let (profile, now) = (&replacement.profile, self.clock.now());
                    self.store.update_profile(id, user.version, profile, actor, now).await?
                }
                None => UpdateUserOutcome::VersionConflict,
            };
            match outcome {
                UpdateUserOutcome::Updated(user) => return Ok(*user),
                UpdateUserOutcome::EmailTaken => return Err(Error::EmailTaken),
                UpdateUserOutcome::NotFound => return Err(Error::UnknownUser),
                UpdateUserOutcome::VersionConflict => precondition.on_conflict()?,
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// Gives a user another password, and ends all their sessions but the one that asks.
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
        // The new hash does not depend on the user's state: one is enough for all rounds.
        let mut new_hash: Option<PasswordHash> = None;
        let keep = actor.principal.session();
        let mut check = PasswordCheck::default();
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (user, _) = self
                .authenticate(id, &change.password, (PasswordPurpose::NewPassword, precondition), actor, &mut check)
                .await?;
            change.new_password.check_personal(&user.name, &user.email).map_err(password_rejected)?;
            // Only an expired one: whoever may keep their password may also choose it once more.
            if user.status.password_expired && change.new_password.matches(&change.password) {
                return Err(password_rejected(PasswordError::Unchanged));
            }
            let hash = match new_hash.take() {
                Some(hash) => hash,
                None => self
                    .credentials
                    .hasher()
                    .hash(self.copy(&change.new_password)?)
                    .await
                    .map_err(Error::from_hashing)?,
            };
            match self.store.update_password(id, user.version, &hash, keep, actor, self.clock.now()).await? {
                UpdateUserOutcome::Updated(user) => return Ok(*user),
                // `EmailTaken` can't come of a change that leaves the e-mail alone; another round finds out.
                UpdateUserOutcome::VersionConflict | UpdateUserOutcome::EmailTaken => precondition.on_conflict()?,
                UpdateUserOutcome::NotFound => return Err(Error::UnknownUser),
            }
            new_hash = Some(hash);
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// Deletes a user, and tells who that was.
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
        let mut check = PasswordCheck::default();
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (user, _) = self
                .authenticate(id, &removal.password, (PasswordPurpose::Other, precondition), actor, &mut check)
                .await?;
            match self.store.delete_user(id, user.version, actor, self.clock.now()).await? {
                DeleteUserOutcome::Deleted => return Ok(user),
                DeleteUserOutcome::NotFound => return Err(Error::UnknownUser),
                DeleteUserOutcome::VersionConflict => precondition.on_conflict()?,
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// The user as they are now, if `attempt` is their password, and whether their hash is outdated.
    ///
    /// The precondition is looked at only after the password: a stranger does not learn which states there were.
    async fn authenticate(
        &self,
        id: UserId,
        attempt: &PasswordAttempt,
        (purpose, precondition): (PasswordPurpose, &Precondition),
        actor: &Actor,
        check: &mut PasswordCheck,
    ) -> Result<(User, bool), Error> {
        let (user, needs_rehash) = self.credentials.verify_id(id, attempt, purpose, actor, check).await?;
        precondition.check(user.version).map(|()| (user, needs_rehash))
    }

    /// The same password once more: hashing consumes one, and a later round may have to look at it again.
    fn copy(&self, password: &Password) -> Result<Password, Error> {
        Password::parse(password.expose(), self.policy).map_err(password_rejected)
    }
}

pub(super) fn password_rejected(rule: PasswordError) -> Error {
    Error::PasswordRejected { field: PasswordField::NewPassword, rule }
}
