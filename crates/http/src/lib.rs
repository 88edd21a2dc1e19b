//! HTTP: routes, guards, answers and problems. The only module that names Rocket.
//!
//! | module | what it is |
//! |---|---|
//! | `api` | the handlers, one endpoint a file |
//! | `access` | who may call, as the operator has set it |
//! | `auth` | guards: who asks, and whether they may |
//! | `user_ref`, `conditions`, `query`, `body`, `json_body`, `admin_bodies` | guards: what a request says, as types |
//! | `response`, `view`, `admin_view` | what leaves when all went well |
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
//! One file in `api` with one handler of a dozen lines and the guard that says who may, its name in the `endpoints!` of its area, what is
//! told of it in `openapi::operations`, its row in `docs/API.md`, its rows in `tests/it/http/auth/table.rs` and its tests in
//! `tests/it/http/`. A body is a `ValidatedBody<T>` of a type that implements `json_body::FromJsonBody`.

mod access;
mod access_log;
mod admin_bodies;
mod admin_view;
mod api;
mod auth;
mod body;
mod conditions;
mod cors;
mod json_body;
mod methods;
mod openapi;
mod problem;
mod query;
mod request_lifecycle;
mod request_tracing;
mod response;
mod server;
mod user_ref;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rocket::{Build, Rocket, catchers};
use schemars::JsonSchema;
use serde::Deserialize;

pub use access::{AccessSettings, CorsSettings, SignUpPolicy, TrustedProxies};
pub use problem::ProblemKind;
pub use request_tracing::JoinTrace;
pub use server::{ServeError, serve, serve_until};

use userd_core::PasswordPolicy;
use userd_core::random::Random;
use userd_core::settings;
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

/// Limits of the HTTP server: section `[http]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpLimits {
    /// Maximum size of a request body in bytes.
    #[schemars(range(min = 4096, max = 1_048_576))]
    pub body_bytes_max: u64,
    /// Time-out for receiving the body, in milliseconds.
    #[serde(rename = "body_timeout_ms", deserialize_with = "settings::millis")]
    #[schemars(with = "u32", range(min = 1, max = 600_000))]
    pub body_timeout: Duration,
    /// Keep-alive: 0 closes the connection after each answer. Any other number keeps it open; for HTTP/1, Rocket 0.5
    /// enforces no idle time-out, whatever the number.
    #[schemars(range(min = 0, max = 3600))]
    pub keep_alive_s: u32,
}

/// How the service listens and what it bears.
#[derive(Clone)]
pub struct HttpSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that answer requests. Whoever builds the runtime obeys it; here it is only passed on.
    pub workers: usize,
    /// Limits of bodies and connections.
    pub limits: HttpLimits,
    /// Who may call.
    pub access: AccessSettings,
    /// The folder below `/files`; without one every file is a 404.
    pub static_dir: Option<PathBuf>,
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
            limits: HttpLimits { body_bytes_max: BODY_BYTES_MAX, body_timeout: BODY_TIMEOUT, keep_alive_s: 5 },
            access: AccessSettings::new(),
            static_dir: None,
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
        .manage(body::BodyLimits {
            bytes_max: settings.limits.body_bytes_max,
            timeout: settings.limits.body_timeout,
            policy: dependencies.policy,
        })
        .manage(api::StaticDir(settings.static_dir.clone()))
        .manage(access_policy)
        .manage(openapi::ApiDescription::new(dependencies.policy))
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
