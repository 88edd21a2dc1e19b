//! All use cases over one store, put together: what `http` works with. `app` and the tests build it alike.

use std::sync::Arc;

use crate::hashing::PasswordHasher;
use crate::{
    AdminService, ApiKeyCache, ApiKeyService, CredentialVerifier, DeviceKeys, Error, KeyDependencies, KeyEncryption,
    SessionService, SessionSettings, SignInLimiter, SignInLimits, SigningKeySet, TokenService, TokenSettings,
    UserService,
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
    pub sign_in_limits: SignInLimits,
}

/// What the use cases stand on.
#[derive(Clone)]
pub struct ServiceDependencies {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The gate that hashes.
    pub hasher: Arc<PasswordHasher>,
    /// Seals the keys that sign.
    pub key_encryption: Arc<KeyEncryption>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub random: Arc<dyn Random>,
}

/// Everything that can be done.
#[derive(Clone)]
pub struct Services {
    /// With users.
    pub users: Arc<UserService>,
    /// By administrators.
    pub admin: Arc<AdminService>,
    /// With sessions.
    pub sessions: Arc<SessionService>,
    /// With tokens for other services.
    pub tokens: Arc<TokenService>,
    /// Which services may call.
    pub api_keys: Arc<ApiKeyCache>,
}

impl Services {
    /// Makes the service's own keys if there are none, and looks whether those that are there can be used.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check_keys(&self) -> Result<(), Error> {
        self.tokens.check_keys().await?;
        self.sessions.check_keys().await
    }

    /// All use cases on `dependencies`.
    #[must_use]
    pub fn new(dependencies: &ServiceDependencies, settings: &ServiceSettings) -> Self {
        let ServiceDependencies { store, hasher, key_encryption, clock, random } = dependencies.clone();
        let limiter = SignInLimiter::new(Arc::clone(&store) as _, settings.sign_in_limits, Arc::clone(&clock));
        let credentials = Arc::new(CredentialVerifier::new(Arc::clone(&store), hasher, limiter));
        let (policy, time, chance) = (settings.policy, Arc::clone(&clock), Arc::clone(&random));
        let users = Arc::new(UserService::new(Arc::clone(&store), Arc::clone(&credentials), policy, time, chance));
        let (checks, time) = (Arc::clone(&credentials), Arc::clone(&clock));
        let admin = AdminService::new(Arc::clone(&store), Arc::clone(&users), checks, time);
        let devices = DeviceKeys::new(Arc::clone(&store) as _, Arc::clone(&key_encryption), Arc::clone(&random));
        let (time, chance) = (Arc::clone(&clock), Arc::clone(&random));
        let sessions = SessionService::new(Arc::clone(&store), credentials, devices, settings.sessions, time, chance);
        let sessions = Arc::new(sessions);
        let keys = KeyDependencies {
            store: Arc::clone(&store) as _,
            key_encryption,
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        let key_set = SigningKeySet::new(keys, settings.tokens.algorithm);
        let (time, chance) = (Arc::clone(&clock), Arc::clone(&random));
        let (signed_in, say) = (Arc::clone(&sessions), settings.tokens.clone());
        let tokens = TokenService::new(key_set, signed_in, Arc::clone(&store), say, time, chance);
        let api_keys = ApiKeyCache::new(ApiKeyService::new(store, clock, random));
        let (admin, tokens, api_keys) = (Arc::new(admin), Arc::new(tokens), Arc::new(api_keys));
        Self { users, admin, sessions, tokens, api_keys }
    }
}
