//! Is it the user who asks? The one way in which a password is checked, whatever for: counted, hashed even where there
//! is no such user, and its hash made again where it is outdated.
//!
//! What it is not: a use case. Users and sessions stand on it.

use std::sync::Arc;

use crate::Error;
use crate::hashing::{PasswordHasher, VerifyOutcome};
use crate::rate_limit::{ChargedAttempt, SignInLimiter};
use userd_core::{Actor, CanonicalEmail, PasswordAttempt, PasswordHash, User, UserId};
use userd_store::{Store, UpdateUserOutcome};

/// Checks passwords.
pub struct CredentialVerifier {
    store: Arc<dyn Store>,
    hasher: Arc<PasswordHasher>,
    limiter: SignInLimiter,
}

/// A password that is being checked, over the rounds of one use case.
#[derive(Default)]
pub(super) struct PasswordCheck {
    /// Counted once, however many rounds there are.
    counted: Option<ChargedAttempt>,
    /// The password was found right against this hash.
    verified: Option<VerifiedPassword>,
}

/// A password was found right against a hash.
struct VerifiedPassword {
    against: PasswordHash,
    needs_rehash: bool,
}

/// As whom a check is counted.
pub(super) struct AttemptContext<'a> {
    /// The account that is tried, if it can be named.
    pub(super) email: Option<&'a CanonicalEmail>,
    /// A known device of that account.
    pub(super) device: Option<[u8; 16]>,
    /// Who asks.
    pub(super) actor: &'a Actor,
    /// What the password is shown for.
    pub(super) purpose: PasswordPurpose,
}

/// What a password is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordPurpose {
    /// To choose another one: an expired password is good for that.
    NewPassword,
    /// For anything else.
    Other,
}

/// The user whose password was right, unless an administrator has ruled against it. Only who knows the password learns
/// of that.
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
    /// Checks passwords of users in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hasher: Arc<PasswordHasher>, limiter: SignInLimiter) -> Self {
        Self { store, hasher, limiter }
    }

    /// The gate that hashes.
    pub(super) fn hasher(&self) -> &PasswordHasher {
        &self.hasher
    }

    /// The user in `found`, if `attempt` is their password, and whether their hash is outdated.
    ///
    /// An unknown user costs the same hash as a known one. `check` carries from round to round against which hash the
    /// password was found right, and that it was counted.
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
                self.cancel(check).await;
                return Err(id.map_or_else(|| Error::from_hashing(error), |id| Error::from_checking(error, id)));
            }
        };
        let user = found.ok_or(Error::UnknownUser)?;
        let VerifyOutcome::Match { needs_rehash } = verdict else { return Err(Error::NotAuthenticated) };
        if let Some(counted) = check.counted.take() {
            self.limiter.succeed(counted).await;
        }
        check.verified = Some(VerifiedPassword { against: user.password_hash.clone(), needs_rehash });
        let user = check_account_status(user, context.purpose)?;
        Ok((user, needs_rehash))
    }

    /// The password was not looked at after all.
    async fn cancel(&self, check: &mut PasswordCheck) {
        if let Some(counted) = check.counted.take() {
            self.limiter.cancel(counted).await;
        }
    }

    /// The user with this id, if `attempt` is their password; the rest as [`Self::verify`]. A session in `actor` is one
    /// of this user's own.
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

    /// Keeps the password under a hash with today's parameters. The user afterwards; `None` if somebody else was
    /// faster. A busy gate puts the upgrade off: the user asked for something else.
    pub(super) async fn upgrade_hash(&self, user: &User, attempt: &PasswordAttempt) -> Result<Option<User>, Error> {
        let Ok(hash) = self.hasher.rehash(attempt).await else { return Ok(Some(user.clone())) };
        match self.store.update_password_hash(user.id, user.version, &hash).await? {
            UpdateUserOutcome::Updated(user) => Ok(Some(*user)),
            UpdateUserOutcome::VersionConflict | UpdateUserOutcome::EmailTaken => Ok(None),
            UpdateUserOutcome::NotFound => Err(Error::UnknownUser),
        }
    }
}
