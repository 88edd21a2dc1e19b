//! Moving users: the stores opened for `userd export` and `userd import`.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::serve::{AppError, install_crypto_provider, open_store, redis_settings};
use crate::config::{Config, StoreTarget};
use userd_core::clock::{Clock, SystemClock};
use userd_core::random::SystemRandom;
use userd_service::import_export::{ExportError, ExportSummary, UserExporter, UserImporter};
use userd_store::{ExportStore, LegacySource, Store, StoreError, UserListing};
use userd_store_redis::LegacyDatabase;
use userd_store_sqlite::ReadOnlyDatabase;

/// How long a batch of users may take to come in, at least: some 50 times what it takes on an idle machine.
const BATCH_TIME_MAX: Duration = Duration::from_secs(15);

/// Why users can't be moved.
#[derive(Debug, thiserror::Error)]
pub enum ImportExportError {
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] AppError),
    /// The store is not there.
    #[error("can't reach the store")]
    Unavailable(#[source] StoreError),
    /// The text names no server of the older design.
    #[error("--from-legacy must be redis://HOST:PORT/DB, or rediss://… for TLS")]
    LegacyUrl,
    /// Not everything was written.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Writes all users of the store that the configuration names, beside whoever serves it; `watch` hears how many.
///
/// # Errors
/// The store can't be opened or read, or `out` takes no more.
pub async fn export(
    config: &Config,
    with_sessions: bool,
    out: &mut (dyn Write + Send),
    watch: &(dyn Fn(u64) + Sync),
) -> Result<ExportSummary, ImportExportError> {
    let now = SystemClock.now();
    if let StoreTarget::Sqlite { path } = &config.store {
        let file = Arc::new(ReadOnlyDatabase::open(path, config.sqlite.timeout).map_err(AppError::from)?);
        let sessions = with_sessions.then(|| Arc::<ReadOnlyDatabase>::clone(&file) as Arc<dyn ExportStore>);
        return Ok(UserExporter::new(file, sessions).write(out, now, watch).await?);
    }
    let store = open(config).await?;
    let sessions = with_sessions.then(|| Arc::<dyn Store>::clone(&store) as Arc<dyn ExportStore>);
    let users: Arc<dyn UserListing> = Arc::<dyn Store>::clone(&store);
    let exported = UserExporter::new(users, sessions).write(out, now, watch).await;
    store.close().await;
    Ok(exported?)
}

/// Opens the store that the configuration names, for taking users in. An SQLite file must not be served meanwhile.
///
/// # Errors
/// The store can't be opened, or is away.
pub async fn open_import(config: &Config, dry_run: bool) -> Result<UserImporter, ImportExportError> {
    let store = open(&with_longer_timeouts(config)).await?;
    let limits = config.session.limits;
    Ok(UserImporter { store, limits, hashes: config.hash, clock: Arc::new(SystemClock), dry_run })
}

/// The same store with more patience: a call takes thousands of users in, and nobody waits for one of them.
fn with_longer_timeouts(config: &Config) -> Config {
    let mut patient = config.clone();
    patient.redis.timeout = patient.redis.timeout.max(BATCH_TIME_MAX);
    patient.sqlite.timeout = patient.sqlite.timeout.max(BATCH_TIME_MAX);
    patient
}

/// Opens the older design's database at `url`, for reading.
///
/// # Errors
/// The server can't be reached.
pub async fn open_legacy(config: &Config, url: &str) -> Result<Arc<dyn LegacySource>, ImportExportError> {
    install_crypto_provider();
    let Ok(StoreTarget::Redis(target)) = StoreTarget::parse(url) else { return Err(ImportExportError::LegacyUrl) };
    let database = LegacyDatabase::open(&redis_settings(config, &target)).await.map_err(AppError::from)?;
    Ok(Arc::new(database))
}

async fn open(config: &Config) -> Result<Arc<dyn Store>, ImportExportError> {
    install_crypto_provider();
    let store = open_store(config, Arc::new(SystemRandom)).await?;
    // A Redis that is away now is not waited for.
    store.check_health().await.map_err(ImportExportError::Unavailable)?;
    Ok(store)
}
