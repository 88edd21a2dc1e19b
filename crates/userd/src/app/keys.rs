//! The service's keys for the command line: the store of the configuration, opened beside whoever serves it.

use std::sync::Arc;

use super::wiring::{AppError, install_crypto, millis, open_store, signing_algorithm};
use crate::config::{Config, StoreTarget};
use userd_core::clock::{Clock, SystemClock};
use userd_core::random::{Random, SystemRandom};
use userd_service::{ApiKeys, KeyGround, Seal, SigningKeys};
use userd_store::{KeyStore, Store, StoreError};
use userd_store_sqlite::EmbeddedKeys;

/// The keys of a store.
pub struct OpenKeys {
    /// Those of other services.
    pub api: ApiKeys,
    /// Those that sign tokens.
    pub signing: SigningKeys,
    /// What has to be closed at the end.
    store: Option<Arc<dyn Store>>,
}

/// Why the keys can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] AppError),
    /// The store is not there.
    #[error("can't reach the store")]
    Away(#[source] StoreError),
}

impl OpenKeys {
    /// Opens the store that the configuration names. A process that serves it goes on, and sees what is changed here
    /// at its next look.
    ///
    /// # Errors
    /// If the store can't be opened, or is away.
    pub async fn open(config: &Config) -> Result<Self, KeysError> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let (keys, store): (Arc<dyn KeyStore>, _) = match &config.store {
            StoreTarget::Sqlite { path } => {
                let file = EmbeddedKeys::open(path, config.sqlite.timeout).map_err(AppError::from)?;
                (Arc::new(file), None)
            }
            StoreTarget::Redis(_) => {
                install_crypto();
                let store = open_store(config, Arc::clone(&random)).await?;
                // A Redis that is away now is not waited for.
                store.check().await.map_err(KeysError::Away)?;
                (Arc::<dyn Store>::clone(&store), Some(store))
            }
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let seal = Arc::new(Seal::with(config.token.seal_key.as_deref()));
        let (algorithm, life_ms) = (signing_algorithm(config.token.algorithm), millis(config.token.life));
        let ground =
            KeyGround { store: Arc::clone(&keys), seal, clock: Arc::clone(&clock), random: Arc::clone(&random) };
        Ok(Self {
            api: ApiKeys::new(keys, clock, random),
            signing: SigningKeys::new(ground, algorithm, life_ms),
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
