//! The life of a serving process: open the store, start the hash threads, serve, and put everything away.
//!
//! The one place that names the implementations of the store. To add a store, add a line to `open_with_metrics`.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::banner::StartupBanner;
use super::doctor::DoctorTask;
#[cfg(feature = "otlp")]
use super::logging::init_with;
#[cfg(feature = "otlp")]
use super::traces::TraceExporter;
use super::{OPEN_FILES_RECOMMENDED, build_runtime, init_logging, raise_open_files_limit};
use crate::config::{Config, RedisTarget, StoreTarget};
use userd_core::clock::{Clock as _, SystemClock};
use userd_core::error_chain;
use userd_core::random::{Random, SystemRandom};
use userd_http::{HttpDependencies, HttpSettings, JoinTrace, OnListening, ServeError};
use userd_metrics::Metrics;
use userd_service::hashing::PasswordHasher;
use userd_service::{ApiKeyCache, KeyEncryption, ServiceDependencies, ServiceSettings, Services, TokenSettings};
use userd_store::{InstrumentedStore, Store};
use userd_store_redis::{RedisSettings, RedisStartError, RedisStore};
use userd_store_sqlite::{OpenError, SqliteSettings, SqliteStore};

/// How long closing the store may take at the end: longer than any call to it, and not for ever.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

/// Why userd could not start, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The system gave no threads.
    #[error("can't start the threads that serve requests")]
    Threads(#[source] io::Error),
    /// The hash threads did not start.
    #[error("can't start the threads that hash passwords")]
    Hasher(#[source] io::Error),
    /// The database file can't be used.
    #[error("can't open the store")]
    Sqlite(#[from] OpenError),
    /// Redis must not be used as it is.
    #[error("can't use the store")]
    Redis(#[from] RedisStartError),
    /// A key in the store can't be used with this configuration.
    #[error(
        "can't use the service's keys; start it with the token.encryption_key that they were sealed with, or, if that is \
         lost, make new ones with `userd signing-keys rotate --now`"
    )]
    Keys(#[source] userd_service::Error),
    /// Without an API key everybody may do everything, so nobody but this machine may connect.
    #[error(
        "userd has no API key yet, so whoever could connect to {0} might do everything: make one with `userd api-keys \
         create`, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The server did not start or broke off.
    #[error("can't serve")]
    Serve(#[from] ServeError),
}

/// Serves until told to stop. The answer is the exit code: 0 after a requested end, 1 otherwise.
#[must_use]
pub fn run(config: &Config) -> ExitCode {
    #[cfg(feature = "otlp")]
    let traces = match TraceExporter::from_config(&config.otlp) {
        Ok(traces) => traces,
        Err(error) => {
            init_logging(config.log);
            tracing::error!("userd ends: can't send traces: {}", error_chain(&error));
            return ExitCode::FAILURE;
        }
    };
    #[cfg(feature = "otlp")]
    init_with(config.log, traces.as_ref().map(TraceExporter::layer));
    #[cfg(not(feature = "otlp"))]
    init_logging(config.log);
    let code = run_with_logging(config);
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        traces.close();
    }
    code
}

/// The rest of it, where log lines go to their place.
fn run_with_logging(config: &Config) -> ExitCode {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match raise_open_files_limit() {
        Ok(Some(files)) if files < OPEN_FILES_RECOMMENDED => {
            tracing::warn!(
                "only {files} files may be open, so about as many connections: raise the limit (ulimit -Hn, \
                 LimitNOFILE= of systemd) to {OPEN_FILES_RECOMMENDED} or more"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files can't be raised"),
    }
    match start_and_serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("userd ends: {}", error_chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start_and_serve(config: &Config) -> Result<(), AppError> {
    let runtime = build_runtime(config.workers).map_err(AppError::Threads)?;
    let result = runtime.block_on(serve(config));
    // What is still running in the background (a blocking read of a file) is not waited for.
    runtime.shutdown_background();
    result
}

async fn serve(config: &Config) -> Result<(), AppError> {
    install_crypto_provider();
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let metrics = Arc::new(Metrics::new(SystemClock.now().as_millis()));
    let opened = open_with_metrics(config, Arc::clone(&random), &metrics).await?;
    let store: Arc<dyn Store> = Arc::new(InstrumentedStore::new(opened, Arc::clone(&metrics)));
    let background = DoctorTask::start(config.doctor, &store, &*random, &metrics);
    let result = serve_store(config, Arc::clone(&store), random, metrics).await;
    drop(background);
    if tokio::time::timeout(CLOSE_TIME_MAX, store.close()).await.is_err() {
        tracing::warn!("the store did not close in time; what was acknowledged is kept all the same");
    }
    result
}

/// Only TLS to Redis needs it. It fails if somebody has installed one before, which is as good.
pub(super) fn install_crypto_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

async fn serve_store(
    config: &Config,
    store: Arc<dyn Store>,
    random: Arc<dyn Random>,
    metrics: Arc<Metrics>,
) -> Result<(), AppError> {
    let hasher = PasswordHasher::start_with_metrics(&config.hash, Arc::clone(&random), Arc::clone(&metrics));
    let hasher = hasher.map_err(AppError::Hasher)?;
    let settings = service_settings(config);
    let service_dependencies = ServiceDependencies {
        store: Arc::clone(&store),
        hasher: Arc::new(hasher),
        key_encryption: Arc::new(KeyEncryption::new(config.key_encryption.encryption_key.as_deref())),
        clock: Arc::new(SystemClock),
        random: Arc::clone(&random),
    };
    let services = Services::new(&service_dependencies, &settings);
    check_keys(&services).await?;
    let on_listening = show_banner_when_listening(config, &services);
    require_api_key(config.listen, &services.api_keys).await?;
    let http_dependencies = HttpDependencies { services, store, random, policy: settings.policy };
    let settings = HttpSettings { on_listening: Some(on_listening), metrics, ..http_settings(config) };
    let rocket = userd_http::rocket(&settings, http_dependencies);
    Ok(userd_http::serve(rocket).await?)
}

/// Without an API key everybody may do everything. For that nobody but this machine may connect.
async fn require_api_key(listen: SocketAddr, api_keys: &ApiKeyCache) -> Result<(), AppError> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    match api_keys.is_empty().await {
        Ok(true) => Err(AppError::Unprotected(listen)),
        Ok(false) => Ok(()),
        Err(error) => {
            let error = error_chain(&error);
            tracing::warn!(error, "whether there is an API key is not known yet; until there is, nothing is opened");
            Ok(())
        }
    }
}

pub(super) fn service_settings(config: &Config) -> ServiceSettings {
    ServiceSettings {
        policy: config.password,
        sessions: config.session,
        tokens: TokenSettings { listen: config.listen, ..config.token.clone() },
        sign_in_limits: config.rate_limit,
    }
}

/// The store that the configuration names, ready for use; a Redis that is away is ready too, and answers
/// `Unavailable` until it is back.
///
/// # Errors
/// If the store can't or must not be used as it is.
pub async fn open_store(config: &Config, random: Arc<dyn Random>) -> Result<Arc<dyn Store>, AppError> {
    open_with_metrics(config, random, &Arc::default()).await
}

/// The same; what the store does is counted in `metrics`.
async fn open_with_metrics(
    config: &Config,
    random: Arc<dyn Random>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Store>, AppError> {
    match &config.store {
        StoreTarget::Sqlite { path } => {
            let (path, events_retention_max) = (path.clone(), config.events.retention_max);
            let settings = SqliteSettings { path, events_retention_max, ..config.sqlite.clone() };
            Ok(Arc::new(SqliteStore::open_with_metrics(&settings, metrics)?))
        }
        StoreTarget::Redis(target) => {
            let settings = RedisSettings { metrics: Arc::clone(metrics), ..redis_settings(config, target) };
            Ok(Arc::new(RedisStore::start(settings, random).await?))
        }
    }
}

/// Makes the keys at the first start. Refuses the start where those in the store can't be used: every sign-in or
/// every token would fail. A store that is away is asked again when a key is needed.
async fn check_keys(services: &Services) -> Result<(), AppError> {
    match services.check_keys().await {
        Err(error @ userd_service::Error::Store(_)) => {
            let error: &dyn StdError = &error;
            tracing::warn!(error, "the service's keys were not looked at yet");
            Ok(())
        }
        Err(error) => Err(AppError::Keys(error)),
        Ok(()) => Ok(()),
    }
}

/// Shows the banner once the address is bound, so that it promises nothing and knows the port, which tokens say, too.
fn show_banner_when_listening(config: &Config, services: &Services) -> OnListening {
    let (store, log, tokens) = (config.store.clone(), config.log, Arc::clone(&services.tokens));
    Arc::new(move |listen| {
        tokens.set_listen_address(listen);
        StartupBanner { listen, store: store.clone() }.show(log);
    })
}

fn http_settings(config: &Config) -> HttpSettings {
    HttpSettings {
        listen: config.listen,
        workers: config.workers,
        limits: config.http,
        access: config.access.clone(),
        static_dir: config.static_dir.clone(),
        shutdown_grace: config.shutdown_grace,
        on_listening: None,
        metrics: Arc::default(),
        join_trace: join_trace(config),
    }
}

/// How requests become part of traces, if traces go anywhere.
#[cfg(feature = "otlp")]
fn join_trace(config: &Config) -> Option<JoinTrace> {
    config.otlp.endpoint.as_ref().map(|_| super::traces::join())
}

/// There are none.
#[cfg(not(feature = "otlp"))]
fn join_trace(_config: &Config) -> Option<JoinTrace> {
    None
}

/// `[redis]` for the servers of `target`.
pub(super) fn redis_settings(config: &Config, target: &RedisTarget) -> RedisSettings {
    RedisSettings {
        servers: target.servers.clone(),
        db: target.db,
        login: target.login.clone(),
        tls: target.tls,
        events_retention_max: config.events.retention_max,
        ..config.redis.clone()
    }
}
