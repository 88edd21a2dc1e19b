//! The services that manage keys, over the store that the configuration names.
//!
//! Unlike other commands, these run beside a server also on SQLite: they write nothing but keys.

use std::sync::Arc;

use crate::config::{Config, StoreTarget};
use crate::open::{OpenStoreError, open_store_for_command};
use userd_core::clock::SystemClock;
use userd_core::random::{Random, SystemRandom};
use userd_service::{ApiKeyService, KeyDependencies, SigningKeyService};
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
        let dependencies = KeyDependencies {
            store: keys,
            key_encryption: Arc::clone(&config.key_encryption.encryption),
            clock: Arc::new(SystemClock),
            random,
        };
        let KeyDependencies { store: keys, clock, random, .. } = dependencies.clone();
        let api = ApiKeyService::new(keys, clock, random);
        let signing = SigningKeyService::new(dependencies, config.token.algorithm, config.token.ttl_ms);
        Ok(Self { api, signing, store })
    }

    /// Closes the store.
    pub(super) async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}
