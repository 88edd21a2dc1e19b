//! Password verification. It charges the rate limit, hashes even if the user is unknown, and upgrades outdated hashes.
//!
//! Not a use case: users and sessions are built on it.

use std::sync::Arc;

use crate::hashing::{PasswordHasher, VerifyOutcome};
use crate::rate_limit::{ChargedAttempt, SignInLimiter};
use crate::{Error, ServiceDependencies};
use userd_core::{Actor, CanonicalEmail, Password, PasswordAttempt, PasswordHash, User, UserId};
use userd_store::{Store, UpdateUserOutcome};

/// Verifies passwords.
pub(super) struct CredentialVerifier {
    store: Arc<dyn Store>,
    hasher: Arc<PasswordHasher>,
    limiter: SignInLimiter,
}

/// The state of one verification across the rounds of a use case.
#[derive(Default)]
pub(super) struct PasswordCheck {
    /// The charged attempt: once, however many rounds there are.
    counted: Option<ChargedAttempt>,
    /// The hash against which the password was verified.
    verified: Option<VerifiedPassword>,
}

/// A verified password and its hash.
struct VerifiedPassword {
    against: PasswordHash,
    needs_rehash: bool,
}

/// How an attempt is charged, and for what.
pub(super) struct AttemptContext<'a> {
    /// The account, if it is known.
    pub(super) email: Option<&'a CanonicalEmail>,
    /// A trusted device of that account.
    pub(super) device: Option<[u8; 16]>,
    /// The actor.
    pub(super) actor: &'a Actor,
    /// What the password is used for.
    pub(super) purpose: PasswordPurpose,
}

/// What a password is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordPurpose {
    /// To choose a new one; an expired password is accepted.
    NewPassword,
    /// For anything else.
    Other,
}

/// Checks the account status after the password was verified, so that only the user learns of it.
fn check_account_status(user: User, purpose: PasswordPurpose) -> Result<User, Error> {
    if user.status.disabled {
        return Err(Error::Disabled);
    }
    if user.status.password_expired && purpose == PasswordPurpose::Other {
        return Err(Error::PasswordExpired);
    }
    Ok(user)
}

impl CredentialVerifier {
    /// Charges attempts to `limiter`.
    pub(super) fn new(dependencies: &ServiceDependencies, limiter: SignInLimiter) -> Self {
        let ServiceDependencies { store, hasher, .. } = dependencies.clone();
        Self { store, hasher, limiter }
    }

    /// Hashes a new password.
    pub(super) async fn hash(&self, password: &Password) -> Result<PasswordHash, Error> {
        self.hasher.hash(password).await.map_err(|error| Error::from_hashing(error, None))
    }

    /// The user in `found` if `attempt` is the password, and whether the hash is outdated.
    ///
    /// An unknown user costs the same hash as a known one. `check` carries the charged attempt and the verified hash
    /// from round to round.
    pub(super) async fn verify(
        &self,
        found: Option<User>,
        attempt: &PasswordAttempt,
        context: &AttemptContext<'_>,
        check: &mut PasswordCheck,
    ) -> Result<(User, bool), Error> {
        let stored = found.as_ref().map(|user| &user.password_hash);
        if let Some(verified) = check.verified.as_ref().filter(|verified| stored == Some(&verified.against)) {
            let (needs_rehash, user) = (verified.needs_rehash, found.ok_or(Error::UnknownUser)?);
            return Ok((check_account_status(user, context.purpose)?, needs_rehash));
        }
        if check.counted.is_none() {
            check.counted = Some(self.limiter.charge(context.email, context.device, context.actor).await?);
        }
        let id = found.as_ref().map(|user| user.id);
        let verdict = match self.hasher.verify(attempt, stored).await {
            Ok(verdict) => verdict,
            Err(error) => {
                // The password was not verified.
                if let Some(counted) = check.counted.take() {
                    self.limiter.cancel(counted).await;
                }
                return Err(Error::from_hashing(error, id));
            }
        };
        let user = found.ok_or(Error::UnknownUser)?;
        let VerifyOutcome::Match { needs_rehash } = verdict else { return Err(Error::NotAuthenticated) };
        if let Some(counted) = check.counted.take() {
            self.limiter.succeed(counted).await;
        }
        check.verified = Some(VerifiedPassword { against: user.password_hash.clone(), needs_rehash });
        Ok((check_account_status(user, context.purpose)?, needs_rehash))
    }

    /// The user with this id if `attempt` is the password; see [`Self::verify`]. The session of `actor`, if any,
    /// belongs to this user.
    pub(super) async fn verify_id(
        &self,
        id: UserId,
        attempt: &PasswordAttempt,
        purpose: PasswordPurpose,
        actor: &Actor,
        check: &mut PasswordCheck,
    ) -> Result<(User, bool), Error> {
        let found = self.store.user(id).await?;
        let email = found.as_ref().map(|user| user.email.canonical().clone());
        let device = actor.principal.session().map(|id| *id.as_bytes());
        let context = AttemptContext { email: email.as_ref(), device, actor, purpose };
        self.verify(found, attempt, &context, check).await
    }

    /// Rehashes the password with the current parameters. Returns the updated user, or `None` on a version conflict. If
    /// the pool is busy the upgrade is skipped: it is not what the caller requested.
    pub(super) async fn upgrade_hash(&self, user: &User, attempt: &PasswordAttempt) -> Result<Option<User>, Error> {
        let Ok(hash) = self.hasher.rehash(attempt).await else { return Ok(Some(user.clone())) };
        updated_user(self.store.update_password_hash(user.id, user.version, &hash).await?)
    }
}

/// The user as changed; `None` on a version conflict.
///
/// # Errors
/// [`Error::EmailTaken`], which can't result from a change that keeps the e-mail, and [`Error::UnknownUser`].
pub(super) fn updated_user(outcome: UpdateUserOutcome) -> Result<Option<User>, Error> {
    match outcome {
        UpdateUserOutcome::Updated(user) => Ok(Some(*user)),
        UpdateUserOutcome::VersionConflict => Ok(None),
        UpdateUserOutcome::EmailTaken => Err(Error::EmailTaken),
        UpdateUserOutcome::NotFound => Err(Error::UnknownUser),
    }
}
