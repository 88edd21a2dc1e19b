//! All services on one store, for `http`. The binary and the tests build them the same way.

use std::sync::Arc;

use crate::credentials::CredentialVerifier;
use crate::device_key::DeviceKeys;
use crate::rate_limit::SignInLimiter;
use crate::{
    AdminService, ApiKeyCache, ApiKeyService, Error, KeyDependencies, ServiceDependencies, SessionService,
    SessionSettings, SignInLimits, SigningKeySet, TokenService, TokenSettings, UserService,
};

/// Settings of the services.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// Sessions.
    pub sessions: SessionSettings,
    /// Tokens for other services.
    pub tokens: TokenSettings,
    /// Rate limits of password attempts.
    pub sign_in_limits: SignInLimits,
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
        self.tokens.key_set.check().await?;
        self.sessions.devices.key().await.map(|_| ())
    }

    /// Builds all services on `dependencies`.
    #[must_use]
    pub fn new(dependencies: &ServiceDependencies, settings: &ServiceSettings) -> Self {
        let ServiceDependencies { store, key_encryption, clock, random, .. } = dependencies.clone();
        let keys = KeyDependencies { store, key_encryption, clock, random };
        let limiter = SignInLimiter::new(dependencies, settings.sign_in_limits);
        let credentials = Arc::new(CredentialVerifier::new(dependencies, limiter));
        let users = Arc::new(UserService::new(dependencies, Arc::clone(&credentials)));
        let admin = AdminService { users: Arc::clone(&users) };
        let devices = DeviceKeys::new(keys.clone());
        let sessions = Arc::new(SessionService::new(dependencies, credentials, devices, settings.sessions));
        let key_set = SigningKeySet::new(keys.clone(), settings.tokens.algorithm);
        let tokens = TokenService::new(key_set, Arc::clone(&sessions), settings.tokens.clone());
        let api_keys = ApiKeyCache::new(ApiKeyService::new(keys.store, keys.clock, keys.random));
        let (admin, tokens, api_keys) = (Arc::new(admin), Arc::new(tokens), Arc::new(api_keys));
        Self { users, admin, sessions, tokens, api_keys }
    }
}
