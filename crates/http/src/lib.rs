//! HTTP: routes, guards, answers and problems. The only module that names Rocket.
//!
//! | module | what it is |
//! |---|---|
//! | `api` | the handlers, one endpoint a file |
//! | `access` | who may call, as the operator has set it |
//! | `auth` | guards: who asks, and whether they may |
//! | `user_ref`, `conditions`, `input` | guards: path, conditions, query and body of a request as types |
//! | `response` | responses that are no problems; views are with the endpoints |
//! | `problem` | what leaves when not; the only place with statuses and their words |
//! | `request_lifecycle` | what every request passes: its id, the count of those under way, the headers of every answer |
//! | `access_log` | what is left of every request: its line in the log, its count in the metrics |
//! | `request_tracing` | a span for each request, where traces are wanted |
//! | `cors` | which other sites' pages may read answers |
//! | `methods` | 405 and `OPTIONS`, derived from the mounted routes |
//! | `openapi` | the API's description, made of the handlers' own types, and the page that shows it |
//! | `server` | Rocket's own settings, listening, shutting down |
//!
//! # How to add an endpoint
//! One file in `api` with its body, its handler and guard, its view and its `doc`; its name in the `endpoints!` of its
//! area; its entry in `docs/API.md`; `make openapi`; its rows in `tests/it/http/auth/table.rs` and its tests in
//! `tests/it/http/`.

mod access;
mod access_log;
mod api;
mod auth;
mod conditions;
mod cors;
mod input;
mod methods;
mod openapi;
mod problem;
mod request_lifecycle;
mod request_tracing;
mod response;
mod server;
mod user_ref;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rocket::{Build, Rocket, catchers};

pub use access::{AccessSettings, SignUpPolicy, TrustedProxies};
pub use problem::ProblemKind;
pub use request_tracing::JoinTrace;
pub use server::{ServeError, serve, serve_until};

use userd_core::PasswordPolicy;
use userd_core::random::Random;
use userd_metrics::Metrics;
use userd_service::Services;
use userd_store::Store;

/// The largest body that is read if nothing else is set: the longest name, e-mail and two passwords, each
/// character written as a JSON escape, fit three times over.
pub const BODY_BYTES_MAX: u64 = 16 * 1024;

/// How long a body may take to arrive if nothing else is set. 16 KiB in 10 s is slower than a 1995 modem.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests under way may take to finish once the service shall stop, if nothing else is set.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);

/// Told the address once the service listens on it.
pub type OnListening = Arc<dyn Fn(SocketAddr) + Send + Sync>;

/// How the service listens and what it bears.
#[derive(Clone)]
pub struct HttpSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that answer requests. Whoever builds the runtime obeys it; here it is only passed on.
    pub workers: usize,
    /// 0 closes every connection after one answer. Any other number lets them be reused: for HTTP/1 Rocket
    /// 0.5 knows no idle time-out, whatever the number says.
    pub keep_alive_s: u32,
    /// Who may call.
    pub access: AccessSettings,
    /// The folder below `/files`; without one every file is a 404.
    pub static_dir: Option<PathBuf>,
    /// The largest body that is read.
    pub body_bytes_max: u64,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long requests under way may take to finish once the service shall stop.
    pub shutdown_grace: Duration,
    /// Told the address once the service listens.
    pub on_listening: Option<OnListening>,
    /// Where requests are counted, and what `GET /metrics` shows.
    pub metrics: Arc<Metrics>,
    /// How requests become part of traces; without it there are none.
    pub join_trace: Option<JoinTrace>,
}

impl HttpSettings {
    /// The defaults, listening on `listen`.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            keep_alive_s: 5,
            access: AccessSettings::new(),
            static_dir: None,
            body_bytes_max: BODY_BYTES_MAX,
            body_timeout: BODY_TIMEOUT,
            shutdown_grace: SHUTDOWN_GRACE,
            on_listening: None,
            metrics: Arc::default(),
            join_trace: None,
        }
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub struct HttpDependencies {
    /// The use cases.
    pub services: Services,
    /// The store, to be asked whether it is ready.
    pub store: Arc<dyn Store>,
    /// Where the prefix of request ids comes from.
    pub random: Arc<dyn Random>,
    /// What a new password has to be.
    pub policy: PasswordPolicy,
}

/// The whole service, ready to be launched or tested.
#[must_use]
pub fn rocket(settings: &HttpSettings, dependencies: HttpDependencies) -> Rocket<Build> {
    let lifecycle = request_lifecycle::RequestLifecycle::new(dependencies.random.as_ref(), settings.shutdown_grace);
    let access_policy =
        access::AccessPolicy { access: settings.access.clone(), loopback: settings.listen.ip().is_loopback() };
    auth::manage_services(rocket::custom(server::figment(settings)), dependencies.services)
        .attach(request_lifecycle::empty_shield())
        .manage(lifecycle.drain())
        .manage(lifecycle.ids())
        .manage(input::BodyLimits {
            bytes_max: settings.body_bytes_max,
            timeout: settings.body_timeout,
            policy: dependencies.policy,
        })
        .manage(api::StaticDir(settings.static_dir.clone()))
        .manage(access_policy)
        .manage(openapi::ApiDescription::new(dependencies.policy, api::endpoints))
        .manage(api::ReadinessStore(dependencies.store))
        .manage(access_log::RequestMetrics(Arc::clone(&settings.metrics)))
        .manage(api::MetricsState { metrics: Arc::clone(&settings.metrics), drain: lifecycle.drain() })
        .attach(lifecycle)
        .attach(server::announce_address(settings.on_listening.clone()))
        .attach(methods::fairing())
        .attach(access_log::register_routes(Arc::clone(&settings.metrics)))
        .mount("/", request_tracing::wrap_routes(api::routes(), settings.join_trace.as_ref()))
        .register("/", catchers![problem::default_catcher])
}
