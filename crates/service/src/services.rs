//! All services on one store, for `http`. The binary and the tests build them the same way.

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

/// Settings of the services.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The password policy.
    pub policy: PasswordPolicy,
    /// Sessions.
    pub sessions: SessionSettings,
    /// Tokens for other services.
    pub tokens: TokenSettings,
    /// Rate limits of password attempts.
    pub sign_in_limits: SignInLimits,
}

/// What the services depend on.
#[derive(Clone)]
pub struct ServiceDependencies {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The hash pool.
    pub hasher: Arc<PasswordHasher>,
    /// Encrypts the signing keys.
    pub key_encryption: Arc<KeyEncryption>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<dyn Random>,
}

/// All services.
#[derive(Clone)]
pub struct Services {
    /// Users.
    pub users: Arc<UserService>,
    /// Administration.
    pub admin: Arc<AdminService>,
    /// Sessions.
    pub sessions: Arc<SessionService>,
    /// Tokens for other services.
    pub tokens: Arc<TokenService>,
    /// API keys.
    pub api_keys: Arc<ApiKeyCache>,
}

impl Services {
    /// Creates missing service keys, and checks that existing ones are usable.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check_keys(&self) -> Result<(), Error> {
        self.tokens.check_keys().await?;
        self.sessions.check_keys().await
    }

    /// Builds all services on `dependencies`.
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
