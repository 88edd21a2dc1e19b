//! Opens the store that the configuration names, for the server and for commands.
//!
//! The only file that names the implementations of the store. It decides nothing about what is done with the store:
//! what a command may do while a server runs is in the command's own file.
//!
//! To add a store: a variant of `StoreTarget`, an arm in [`open_store`], a variant of [`OpenStoreError`] for what can
//! prevent its start.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, RedisTarget, StoreTarget};
use userd_core::random::{Random, SystemRandom};
use userd_metrics::Metrics;
use userd_store::{LegacySource, Store, StoreError};
use userd_store_redis::{LegacyDatabase, RedisSettings, RedisStartError, RedisStore, StoreIdPolicy};
use userd_store_sqlite::{OpenError, SqliteSettings, SqliteStore};

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenStoreError {
    /// The command needs an existing database file.
    #[error("there is no database {0}; run this in another directory, or choose one with --store or --config")]
    Missing(PathBuf),
    /// The database file is not usable.
    #[error("can't open the store")]
    Sqlite(#[from] OpenError),
    /// The server does not pass the start-up checks.
    #[error("can't use the store")]
    Redis(#[from] RedisStartError),
    /// The store does not answer. A command does not wait for it.
    #[error("can't reach the store")]
    Unavailable(#[source] StoreError),
    /// `--from-legacy` has no usable URL.
    #[error("--from-legacy must be redis://HOST:PORT/DB, or rediss://… for TLS")]
    LegacyUrl,
}

/// A store that was opened for a server.
pub(crate) struct OpenedStore {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// The same store if this process has to sweep it; Redis expires its keys by itself.
    pub(crate) swept: Option<Arc<SqliteStore>>,
}

/// Opens the store for a server and counts its work in `metrics`. An unavailable Redis is no error here: the store
/// answers `Unavailable` until the server is back.
///
/// # Errors
/// The store is not usable with this configuration.
pub(crate) async fn open_store(
    config: &Config,
    random: Arc<dyn Random>,
    metrics: &Arc<Metrics>,
) -> Result<OpenedStore, OpenStoreError> {
    match &config.store {
        StoreTarget::Sqlite { path } => {
            let (path, events_retention_max) = (path.clone(), config.events.retention_max);
            let settings = SqliteSettings { path, events_retention_max, ..config.sqlite.clone() };
            let store = Arc::new(SqliteStore::open_with_metrics(&settings, metrics)?);
            Ok(OpenedStore { store: Arc::<SqliteStore>::clone(&store), swept: Some(store) })
        }
        StoreTarget::Redis(target) => {
            let settings = RedisSettings { metrics: Arc::clone(metrics), ..redis_settings(config, target) };
            Ok(OpenedStore { store: Arc::new(RedisStore::start(settings, random).await?), swept: None })
        }
    }
}

/// Opens the store for a command. An unavailable Redis is an error: a command reports it instead of waiting.
///
/// # Errors
/// The store is not usable with this configuration, or does not answer.
pub(crate) async fn open_store_for_command(config: &Config) -> Result<Arc<dyn Store>, OpenStoreError> {
    open_for_command(config).await
}

/// The same for a command that has to work on a store of which a part is lost: one that reports it, or saves the rest.
///
/// # Errors
/// As [`open_store_for_command`].
pub(crate) async fn open_damaged_store_for_command(config: &Config) -> Result<Arc<dyn Store>, OpenStoreError> {
    let redis = RedisSettings { store_id: StoreIdPolicy::Ignore, ..config.redis.clone() };
    open_for_command(&Config { redis, ..config.clone() }).await
}

async fn open_for_command(config: &Config) -> Result<Arc<dyn Store>, OpenStoreError> {
    install_crypto_provider();
    let OpenedStore { store, .. } = open_store(config, Arc::new(SystemRandom), &Arc::default()).await?;
    store.check_health().await.map_err(OpenStoreError::Unavailable)?;
    Ok(store)
}

/// Opens the legacy database at `url`, for reading.
///
/// # Errors
/// `url` is not the URL of a Redis, or its server is not reachable.
pub(crate) async fn open_legacy_database(config: &Config, url: &str) -> Result<Arc<dyn LegacySource>, OpenStoreError> {
    install_crypto_provider();
    let Ok(StoreTarget::Redis(target)) = StoreTarget::parse(url) else { return Err(OpenStoreError::LegacyUrl) };
    Ok(Arc::new(LegacyDatabase::open(&redis_settings(config, &target)).await?))
}

/// `[redis]` for the servers of `target`.
fn redis_settings(config: &Config, target: &RedisTarget) -> RedisSettings {
    RedisSettings {
        servers: target.servers.clone(),
        db: target.db,
        login: target.login.clone(),
        tls: target.tls,
        events_retention_max: config.events.retention_max,
        ..config.redis.clone()
    }
}

/// Makes the cryptography of TLS available, which only connections to Redis need. It fails if a provider is installed
/// already, which is as good.
pub(crate) fn install_crypto_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
