//! `userd api-keys` and `userd signing-keys`: the service's keys, with or without a running server.
//!
//! Results for scripts go to standard output, notes for people to standard error.
//!
//! To add a command: a variant of `ApiKeysCommand` or `SigningKeysCommand`, and a function in `api_keys` or
//! `signing_keys` that prints its result.

mod api_keys;
mod signing_keys;

use std::sync::Arc;

pub(super) use self::api_keys::ApiKeysCommand;
pub(super) use self::signing_keys::SigningKeysCommand;
use super::block_on::block_on;
use super::command_error::CommandResult;
use crate::config::{Config, StoreTarget};
use crate::open::{OpenStoreError, open_store_for_command};
use userd_core::clock::SystemClock;
use userd_core::random::SystemRandom;
use userd_service::KeyDependencies;
use userd_store::{KeyStore, Store};
use userd_store_sqlite::OfflineKeyStore;

/// Opens the keys of the store that the configuration names, and runs `act` with them.
///
/// Unlike other commands, this one runs beside a server also on SQLite: it writes nothing but keys. The server
/// continues, and notices a change when it next reads them.
fn with_keys(config: &Config, act: impl AsyncFnOnce(KeyDependencies) -> CommandResult) -> CommandResult {
    block_on(config, async {
        let (store, opened): (Arc<dyn KeyStore>, Option<Arc<dyn Store>>) = match &config.store {
            StoreTarget::Sqlite { path } => {
                let file = OfflineKeyStore::open(path, config.sqlite.timeout).map_err(OpenStoreError::from)?;
                (Arc::new(file), None)
            }
            StoreTarget::Redis(_) => {
                let store = open_store_for_command(config).await?;
                (Arc::<dyn Store>::clone(&store), Some(store))
            }
        };
        let key_encryption = Arc::clone(&config.key_encryption.encryption);
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let result = act(KeyDependencies { store, key_encryption, clock, random }).await;
        if let Some(store) = opened {
            store.close().await;
        }
        result
    })
}
