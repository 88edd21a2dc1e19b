//! A serving process from start to end: open the store, start the hash threads, serve, close the store.
//!
//! Errors end here: each is logged once, and the exit code says whether the end was requested.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::banner::show_banner;
use super::doctor_task::start_doctor;
use super::logging::init_logging;
use super::rlimit::{OPEN_FILES_RECOMMENDED, raise_open_files_limit};
use super::runtime::build_runtime;
use super::sweep_task::start_sweep;
#[cfg(feature = "otlp")]
use super::traces::TraceExporter;
use crate::config::Config;
use crate::open::{OpenStoreError, OpenedStore, install_crypto_provider, open_store};
use crate::services::build_services;
use userd_core::clock::{Clock as _, SystemClock};
use userd_core::error_chain;
use userd_core::random::{Random, SystemRandom};
use userd_http::{HttpDependencies, HttpSettings, OnListening, ServeError};
use userd_metrics::Metrics;
use userd_service::hashing::PasswordHasher;
use userd_service::{ApiKeyCache, Services};
use userd_store::{InstrumentedStore, Store};

/// How long closing the store may take at the end: longer than any call to it.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

/// Why userd did not start, or stopped serving.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// The system refused to create threads.
    #[error("can't start the threads that serve requests")]
    Threads(#[source] io::Error),
    /// The hash threads did not start.
    #[error("can't start the threads that hash passwords")]
    Hasher(#[source] io::Error),
    /// The store is not usable.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// A key in the store is not usable with this configuration.
    #[error(
        "can't use the service's keys; start it with the token.encryption_key that they are encrypted with, or, if \
         that is lost, create new ones with `userd signing-keys rotate --now`"
    )]
    Keys(#[source] userd_service::Error),
    /// Without an API key every caller is an administrator, so only this machine may connect.
    #[error(
        "userd has no API key yet, so every client that can connect to {0} would be an administrator: create one with \
         `userd api-keys create`, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The server did not start, or failed.
    #[error("can't serve")]
    Serve(#[from] ServeError),
}

/// Serves until a signal stops it. The exit code is 0 after a requested end, 1 otherwise.
#[must_use]
pub(crate) fn run(config: &Config) -> ExitCode {
    #[cfg(feature = "otlp")]
    let traces = match TraceExporter::from_config(&config.otlp) {
        Ok(traces) => traces,
        Err(error) => {
            init_logging(config.log, None);
            tracing::error!("userd ends: can't send traces: {}", error_chain(&error));
            return ExitCode::FAILURE;
        }
    };
    #[cfg(feature = "otlp")]
    init_logging(config.log, traces.as_ref().map(TraceExporter::layer));
    #[cfg(not(feature = "otlp"))]
    init_logging(config.log, None);
    let code = run_with_logging(config);
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        traces.close();
    }
    code
}

/// The rest, with logging in place.
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

fn start_and_serve(config: &Config) -> Result<(), RunError> {
    let runtime = build_runtime(config.workers).map_err(RunError::Threads)?;
    let result = runtime.block_on(serve(config));
    // Does not wait for what still runs in the background, such as a blocking read of a file.
    runtime.shutdown_background();
    result
}

async fn serve(config: &Config) -> Result<(), RunError> {
    install_crypto_provider();
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let metrics = Arc::new(Metrics::new(SystemClock.now().as_millis()));
    let OpenedStore { store, swept } = open_store(config, Arc::clone(&random), &metrics).await?;
    let store: Arc<dyn Store> = Arc::new(InstrumentedStore::new(store, Arc::clone(&metrics)));
    let background = start_doctor(config.doctor, &store, &*random, &metrics);
    let sweep = start_sweep(swept, config.session.limits(), &metrics);
    let result = serve_store(config, Arc::clone(&store), random, metrics).await;
    drop((background, sweep));
    if tokio::time::timeout(CLOSE_TIME_MAX, store.close()).await.is_err() {
        tracing::warn!("the store did not close in time; every acknowledged change is kept");
    }
    result
}

async fn serve_store(
    config: &Config,
    store: Arc<dyn Store>,
    random: Arc<dyn Random>,
    metrics: Arc<Metrics>,
) -> Result<(), RunError> {
    let hasher = PasswordHasher::start(&config.hash, Arc::clone(&random), Arc::clone(&metrics));
    let services = build_services(config, Arc::clone(&store), hasher.map_err(RunError::Hasher)?, Arc::clone(&random));
    check_keys(&services).await?;
    let on_listening = show_banner_when_listening(config, &services);
    require_api_key(config.listen, &services.api_keys).await?;
    let http_dependencies = HttpDependencies { services, store, random, policy: config.password };
    let settings = HttpSettings {
        listen: config.listen,
        workers: config.workers,
        limits: config.http,
        access: config.access.clone(),
        static_dir: config.static_dir.clone(),
        shutdown_grace: config.shutdown_grace,
        on_listening: Some(on_listening),
        metrics,
        #[cfg(feature = "otlp")]
        join_trace: config.otlp.endpoint.as_ref().map(|_| super::traces::join()),
        #[cfg(not(feature = "otlp"))]
        join_trace: None,
    };
    let rocket = userd_http::rocket(&settings, http_dependencies);
    Ok(userd_http::serve(rocket).await?)
}

/// Refuses to listen to other machines without an API key, because then every caller is an administrator.
async fn require_api_key(listen: SocketAddr, api_keys: &ApiKeyCache) -> Result<(), RunError> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    match api_keys.is_empty().await {
        Ok(true) => Err(RunError::Unprotected(listen)),
        Ok(false) => Ok(()),
        Err(error) => {
            let error = error_chain(&error);
            tracing::warn!(
                error,
                "can't check yet whether there is an API key; until then protected mode grants nothing"
            );
            Ok(())
        }
    }
}

/// Creates the keys at the first start. Refuses the start if those in the store are not usable, because every sign-in
/// or every token would fail. An unavailable store is no error: the keys are read when one is needed.
async fn check_keys(services: &Services) -> Result<(), RunError> {
    match services.check_keys().await {
        Err(error @ userd_service::Error::Store(_)) => {
            let error: &dyn StdError = &error;
            tracing::warn!(error, "can't check the service's keys yet");
            Ok(())
        }
        checked => checked.map_err(RunError::Keys),
    }
}

/// Prints the banner after the address is bound: only then the port is known, which tokens contain too.
fn show_banner_when_listening(config: &Config, services: &Services) -> OnListening {
    let (store, log, tokens) = (config.store.clone(), config.log, Arc::clone(&services.tokens));
    Arc::new(move |listen| {
        tokens.set_listen_address(listen);
        show_banner(listen, &store, log);
    })
}
