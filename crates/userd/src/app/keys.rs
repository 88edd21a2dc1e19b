//! The service's keys for the command line: the store of the configuration, opened beside whoever serves it.

use std::sync::Arc;

use super::serve::{AppError, install_crypto_provider, open_store};
use crate::config::{Config, StoreTarget};
use userd_core::clock::{Clock, SystemClock};
use userd_core::random::{Random, SystemRandom};
use userd_service::{ApiKeyService, KeyDependencies, KeyEncryption, SigningKeyService};
use userd_store::{KeyStore, Store, StoreError};
use userd_store_sqlite::OfflineKeyStore;

/// The keys of a store.
pub struct KeyContext {
    /// Those of other services.
    pub api: ApiKeyService,
    /// Those that sign tokens.
    pub signing: SigningKeyService,
    /// What has to be closed at the end.
    store: Option<Arc<dyn Store>>,
}

/// Why the keys can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum KeyContextError {
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] AppError),
    /// The store is not there.
    #[error("can't reach the store")]
    Unavailable(#[source] StoreError),
}

impl KeyContext {
    /// Opens the store that the configuration names. A process that serves it goes on, and sees what is changed here
    /// at its next look.
    ///
    /// # Errors
    /// If the store can't be opened, or is away.
    pub async fn open(config: &Config) -> Result<Self, KeyContextError> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let (keys, store): (Arc<dyn KeyStore>, _) = match &config.store {
            StoreTarget::Sqlite { path } => {
                let file = OfflineKeyStore::open(path, config.sqlite.timeout).map_err(AppError::from)?;
                (Arc::new(file), None)
            }
            StoreTarget::Redis(_) => {
                install_crypto_provider();
                let store = open_store(config, Arc::clone(&random)).await?;
                // A Redis that is away now is not waited for.
                store.check_health().await.map_err(KeyContextError::Unavailable)?;
                (Arc::<dyn Store>::clone(&store), Some(store))
            }
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let key_encryption = Arc::new(KeyEncryption::new(config.key_encryption.encryption_key.as_deref()));
        let (algorithm, ttl_ms) = (config.token.algorithm, config.token.ttl_ms);
        let service_dependencies = KeyDependencies {
            store: Arc::clone(&keys),
            key_encryption,
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        Ok(Self {
            api: ApiKeyService::new(keys, clock, random),
            signing: SigningKeyService::new(service_dependencies, algorithm, ttl_ms),
            store,
        })
    }

    /// Lets go of the store.
    pub async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}
