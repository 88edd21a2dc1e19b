//! The use cases over an open store, for the server and for commands.

use std::sync::Arc;

use crate::config::Config;
use userd_core::clock::SystemClock;
use userd_core::random::Random;
use userd_service::hashing::PasswordHasher;
use userd_service::{ServiceDependencies, ServiceSettings, Services, TokenSettings};
use userd_store::Store;

/// The use cases with the settings of the configuration.
pub(crate) fn build_services(
    config: &Config,
    store: Arc<dyn Store>,
    hasher: PasswordHasher,
    random: Arc<dyn Random>,
) -> Services {
    let dependencies = ServiceDependencies {
        store,
        hasher: Arc::new(hasher),
        key_encryption: Arc::clone(&config.key_encryption.encryption),
        clock: Arc::new(SystemClock),
        random,
    };
    let settings = ServiceSettings {
        sessions: config.session,
        tokens: TokenSettings { listen: config.listen, ..config.token.clone() },
        sign_in_limits: config.rate_limit,
    };
    Services::new(&dependencies, &settings)
}
