//! The settings of the HTTP service, and what it depends on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rocket::Request;
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::Span;

use crate::access::AccessSettings;
use crate::problem::{Problem, ProblemKind};
use userd_core::PasswordPolicy;
use userd_core::random::Random;
use userd_core::settings;
use userd_metrics::Metrics;
use userd_service::Services;
use userd_store::Store;

/// The default limit of a body: the longest name, e-mail and two passwords, each character written as a JSON escape,
/// fit three times over.
pub const BODY_BYTES_MAX: u64 = 16 * 1024;

/// The default time in which a body has to arrive. 16 KiB in 10 s is slower than a 1995 modem.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The default time that requests in flight have to finish during a shutdown.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);

/// Called with the address once the service listens on it.
pub type OnListening = Arc<dyn Fn(SocketAddr) + Send + Sync>;

/// Makes a new span part of the trace in `traceparent`, if there is one. Returns the id of the trace that the span is
/// in then.
pub type JoinTrace = Arc<dyn Fn(&Span, Option<&str>) -> Option<String> + Send + Sync>;

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

/// How the service listens, and its limits.
#[derive(Clone)]
pub struct HttpSettings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that answer requests. The owner of the runtime starts them; here the number is only passed to Rocket.
    pub workers: usize,
    /// Limits of bodies and connections.
    pub limits: HttpLimits,
    /// Sign-up, CORS, and proxies.
    pub access: AccessSettings,
    /// The folder below `/files`; without one every file is a 404.
    pub static_dir: Option<PathBuf>,
    /// The time that requests in flight have to finish during a shutdown.
    pub shutdown_grace: Duration,
    /// Called with the address once the service listens on it.
    pub on_listening: Option<OnListening>,
    /// Counts requests; `GET /metrics` shows it.
    pub metrics: Arc<Metrics>,
    /// Makes requests part of traces; without it there are no spans.
    pub join_trace: Option<JoinTrace>,
}

impl HttpSettings {
    /// The defaults, with the address `listen`.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            limits: HttpLimits { body_bytes_max: BODY_BYTES_MAX, body_timeout: BODY_TIMEOUT, keep_alive_s: 5 },
            access: AccessSettings::default(),
            static_dir: None,
            shutdown_grace: SHUTDOWN_GRACE,
            on_listening: None,
            metrics: Arc::default(),
            join_trace: None,
        }
    }

    /// The settings of the service that answers `request`.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        request.rocket().state().ok_or_else(|| Problem::new(ProblemKind::Internal, "no settings are managed"))
    }
}

/// What the handlers depend on.
#[derive(Clone)]
pub struct HttpDependencies {
    /// The use cases.
    pub services: Services,
    /// The store, for readiness.
    pub store: Arc<dyn Store>,
    /// The source of the request ids' prefix.
    pub random: Arc<dyn Random>,
    /// The rules for new passwords.
    pub policy: PasswordPolicy,
}
