//! The services that manage keys, over the store that the configuration names.
//!
//! Unlike other commands, these run beside a server also on SQLite: they write nothing but keys.

use std::sync::Arc;

use crate::config::{Config, StoreTarget};
use crate::open::{OpenStoreError, open_store_for_command};
use userd_core::clock::{Clock, SystemClock};
use userd_core::random::{Random, SystemRandom};
use userd_service::{ApiKeyService, KeyDependencies, KeyEncryption, SigningKeyService};
use userd_store::{KeyStore, Store};
use userd_store_sqlite::OfflineKeyStore;

/// The keys of a store.
pub(super) struct KeyContext {
    /// API keys of other services.
    pub(super) api: ApiKeyService,
    /// Signing keys of tokens.
    pub(super) signing: SigningKeyService,
    /// The store to close at the end.
    store: Option<Arc<dyn Store>>,
}

impl KeyContext {
    /// Opens the keys. A running server continues, and notices a change when it next reads them.
    ///
    /// # Errors
    /// The store is not usable, or does not answer.
    pub(super) async fn open(config: &Config) -> Result<Self, OpenStoreError> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let (keys, store): (Arc<dyn KeyStore>, _) = match &config.store {
            StoreTarget::Sqlite { path } => (Arc::new(OfflineKeyStore::open(path, config.sqlite.timeout)?), None),
            StoreTarget::Redis(_) => {
                let store = open_store_for_command(config, Arc::clone(&random)).await?;
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

    /// Closes the store.
    pub(super) async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}
