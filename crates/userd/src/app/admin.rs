//! Accounts for the command line: the store of the configuration, opened beside whoever serves it if it is a Redis,
//! and in the place of a userd that serves if it is a file.

use std::path::PathBuf;
use std::sync::Arc;

use super::serve::{AppError, install_crypto_provider, open_store, service_settings};
use crate::config::{Config, StoreTarget};
use userd_core::PasswordPolicy;
use userd_core::clock::SystemClock;
use userd_core::random::{Random, SystemRandom};
use userd_service::hashing::PasswordHasher;
use userd_service::{KeyEncryption, ServiceDependencies, Services};
use userd_store::{Store, StoreError};
use userd_store_sqlite::OpenError;

/// The accounts of a store.
pub struct AdminContext {
    /// What can be done with them.
    pub services: Services,
    /// What a new password has to be.
    pub policy: PasswordPolicy,
    /// What has to be closed at the end.
    store: Arc<dyn Store>,
}

/// Why the accounts can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum AdminContextError {
    /// There is no such file; only to make the first user a new one is begun.
    #[error("there is no database {0}; in another folder, or with --store or --config, there may be one")]
    Missing(PathBuf),
    /// A userd serves the file.
    #[error("a userd serves {path} ({holder})")]
    Served {
        /// The database.
        path: PathBuf,
        /// `process 4711`, or that it did not say.
        holder: String,
    },
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] AppError),
    /// The store is not there.
    #[error("can't reach the store")]
    Unavailable(#[source] StoreError),
}

impl AdminContext {
    /// Opens the store that the configuration names; a file that is missing is made only if `make` says so.
    ///
    /// # Errors
    /// If the store can't be opened, is served by another process, or is away.
    pub async fn open(config: &Config, make: bool) -> Result<Self, AdminContextError> {
        if let StoreTarget::Sqlite { path } = &config.store
            && !make
            && !path.exists()
        {
            return Err(AdminContextError::Missing(path.clone()));
        }
        install_crypto_provider();
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let store = open_store(config, Arc::clone(&random)).await.map_err(|error| match error {
            AppError::Sqlite(OpenError::InUse { path, holder }) => AdminContextError::Served { path, holder },
            other => AdminContextError::Open(other),
        })?;
        // A Redis that is away now is not waited for.
        store.check_health().await.map_err(AdminContextError::Unavailable)?;
        let hasher = PasswordHasher::start(&config.hash, Arc::clone(&random)).map_err(AppError::Hasher)?;
        let settings = service_settings(config);
        let service_dependencies = ServiceDependencies {
            store: Arc::clone(&store),
            hasher: Arc::new(hasher),
            key_encryption: Arc::new(KeyEncryption::new(config.key_encryption.encryption_key.as_deref())),
            clock: Arc::new(SystemClock),
            random,
        };
        Ok(Self { services: Services::new(&service_dependencies, &settings), policy: settings.policy, store })
    }

    /// Lets go of the store, after what is under way.
    pub async fn close(self) {
        self.store.close().await;
    }
}
