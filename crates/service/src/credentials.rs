//! Is it the user who asks? The one way in which a password is checked, whatever for: counted, hashed even where there
//! is no such user, and its hash made again where it is outdated.
//!
//! What it is not: a use case. Users and sessions stand on it.

use std::sync::Arc;

use crate::Error;
use crate::hashing::{Hasher, Verdict};
use crate::tries::{Tries, Try};
use userd_core::{CanonicalEmail, Client, PasswordAttempt, PasswordHash, User, UserId};
use userd_store::{Store, Update};

/// Checks passwords.
pub struct Credentials {
    store: Arc<dyn Store>,
    hasher: Arc<Hasher>,
    tries: Tries,
}

/// A password that is being checked, over the rounds of one use case.
#[derive(Default)]
pub(super) struct Check {
    /// Counted once, however many rounds there are.
    counted: Option<Try>,
    /// The password was found right against this hash.
    proof: Option<Proof>,
}

/// A password was found right against a hash.
struct Proof {
    against: PasswordHash,
    outdated: bool,
}

/// As whom a check is counted.
pub(super) struct Trier<'a> {
    /// The account that is tried, if it can be named.
    pub(super) email: Option<&'a CanonicalEmail>,
    /// A known device of that account.
    pub(super) device: Option<[u8; 16]>,
    /// Who asks.
    pub(super) client: &'a Client,
    /// What the password is shown for.
    pub(super) purpose: Purpose,
}

/// What a password is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To choose another one: an expired password is good for that.
    NewPassword,
    /// For anything else.
    Other,
}

/// The user whose password was right, unless an administrator has ruled against it. Only who knows the password learns
/// of that.
fn admit(user: User, purpose: Purpose) -> Result<User, Error> {
    if user.standing.disabled {
        return Err(Error::Disabled);
    }
    if user.standing.password_expired && purpose == Purpose::Other {
        return Err(Error::PasswordExpired);
    }
    Ok(user)
}

impl Credentials {
    /// Checks passwords of users in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hasher: Arc<Hasher>, tries: Tries) -> Self {
        Self { store, hasher, tries }
    }

    /// The gate that hashes.
    pub(super) fn hasher(&self) -> &Hasher {
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
        trier: &Trier<'_>,
        check: &mut Check,
    ) -> Result<(User, bool), Error> {
        let stored = found.as_ref().map(|user| &user.password_hash);
        if let Some(proof) = check.proof.as_ref().filter(|proof| stored == Some(&proof.against)) {
            let (outdated, user) = (proof.outdated, found.ok_or(Error::UnknownUser)?);
            return Ok((admit(user, trier.purpose)?, outdated));
        }
        if check.counted.is_none() {
            check.counted = Some(self.tries.begin(trier.email, trier.device, trier.client).await?);
        }
        let id = found.as_ref().map(|user| user.id);
        let verdict = match self.hasher.verify(attempt, stored).await {
            Ok(verdict) => verdict,
            Err(error) => {
                self.undo(check).await;
                return Err(id.map_or_else(|| Error::from_hashing(error), |id| Error::from_checking(error, id)));
            }
        };
        let user = found.ok_or(Error::UnknownUser)?;
        let Verdict::Match { outdated } = verdict else { return Err(Error::NotAuthenticated) };
        if let Some(counted) = check.counted.take() {
            self.tries.right(counted).await;
        }
        check.proof = Some(Proof { against: user.password_hash.clone(), outdated });
        let user = admit(user, trier.purpose)?;
        Ok((user, outdated))
    }

    /// The password was not looked at after all.
    async fn undo(&self, check: &mut Check) {
        if let Some(counted) = check.counted.take() {
            self.tries.undone(counted).await;
        }
    }

    /// The user with this id, if `attempt` is their password; the rest as [`Self::verify`]. A session in `client` is one
    /// of this user's own.
    pub(super) async fn verify_id(
        &self,
        id: UserId,
        attempt: &PasswordAttempt,
        purpose: Purpose,
        client: &Client,
        check: &mut Check,
    ) -> Result<(User, bool), Error> {
        let found = self.store.user(id).await?;
        let email = found.as_ref().map(|user| user.email.canonical().clone());
        let device = client.caller.session().map(|id| *id.as_bytes());
        let trier = Trier { email: email.as_ref(), device, client, purpose };
        self.verify(found, attempt, &trier, check).await
    }

    /// Keeps the password under a hash with today's parameters. The user afterwards; `None` if somebody else was
    /// faster. A busy gate puts the upgrade off: the user asked for something else.
    pub(super) async fn upgrade_hash(&self, user: &User, attempt: &PasswordAttempt) -> Result<Option<User>, Error> {
        let Ok(hash) = self.hasher.rehash(attempt).await else { return Ok(Some(user.clone())) };
        match self.store.replace_password_hash(user.id, user.version, &hash).await? {
            Update::Updated(user) => Ok(Some(*user)),
            Update::Stale | Update::Taken => Ok(None),
            Update::Missing => Err(Error::UnknownUser),
        }
    }
}
