//! All use cases over one store, put together: what `http` works with. `app` and the tests build it alike.

use std::sync::Arc;

use crate::hashing::Hasher;
use crate::{
    Administration, ApiKeys, Credentials, DeviceKeys, Error, KeyGround, Keyring, Seal, SessionSettings, Sessions,
    SigningRing, TokenSettings, Tokens, Tries, TryRates, Users,
};
use userd_core::PasswordPolicy;
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_store::Store;

/// The numbers that the use cases go by.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// What a new password has to be.
    pub policy: PasswordPolicy,
    /// How long sessions live.
    pub sessions: SessionSettings,
    /// What tokens for other services say.
    pub tokens: TokenSettings,
    /// How many wrong passwords are borne.
    pub rates: TryRates,
}

/// What the use cases stand on.
#[derive(Clone)]
pub struct Ground {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The gate that hashes.
    pub hasher: Arc<Hasher>,
    /// Seals the keys that sign.
    pub seal: Arc<Seal>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub random: Arc<dyn Random>,
}

/// Everything that can be done.
#[derive(Clone)]
pub struct UseCases {
    /// With users.
    pub users: Arc<Users>,
    /// By administrators.
    pub administration: Arc<Administration>,
    /// With sessions.
    pub sessions: Arc<Sessions>,
    /// With tokens for other services.
    pub tokens: Arc<Tokens>,
    /// Which services may call.
    pub keyring: Arc<Keyring>,
}

impl UseCases {
    /// Makes the service's own keys if there are none, and looks whether those that are there can be used.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check_keys(&self) -> Result<(), Error> {
        self.tokens.check_keys().await?;
        self.sessions.check_keys().await
    }

    /// All use cases on `ground`.
    #[must_use]
    pub fn on(ground: &Ground, settings: &ServiceSettings) -> Self {
        let Ground { store, hasher, seal, clock, random } = ground.clone();
        let tries = Tries::new(Arc::clone(&store) as _, settings.rates, Arc::clone(&clock));
        let credentials = Arc::new(Credentials::new(Arc::clone(&store), hasher, tries));
        let (policy, time, chance) = (settings.policy, Arc::clone(&clock), Arc::clone(&random));
        let users = Arc::new(Users::new(Arc::clone(&store), Arc::clone(&credentials), policy, time, chance));
        let (checks, time) = (Arc::clone(&credentials), Arc::clone(&clock));
        let administration = Administration::new(Arc::clone(&store), Arc::clone(&users), checks, time);
        let devices = DeviceKeys::new(Arc::clone(&store) as _, Arc::clone(&seal), Arc::clone(&random));
        let (time, chance) = (Arc::clone(&clock), Arc::clone(&random));
        let sessions = Sessions::new(Arc::clone(&store), credentials, devices, settings.sessions, time, chance);
        let sessions = Arc::new(sessions);
        let keys =
            KeyGround { store: Arc::clone(&store) as _, seal, clock: Arc::clone(&clock), random: Arc::clone(&random) };
        let ring = SigningRing::new(keys, settings.tokens.algorithm);
        let (time, chance) = (Arc::clone(&clock), Arc::clone(&random));
        let (signed_in, say) = (Arc::clone(&sessions), settings.tokens.clone());
        let tokens = Tokens::new(ring, signed_in, Arc::clone(&store), say, time, chance);
        let keyring = Keyring::new(ApiKeys::new(store, clock, random));
        let (administration, tokens, keyring) = (Arc::new(administration), Arc::new(tokens), Arc::new(keyring));
        Self { users, administration, sessions, tokens, keyring }
    }
}
