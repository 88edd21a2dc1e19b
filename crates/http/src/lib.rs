//! HTTP: routes, guards, answers and problems. The only module that names Rocket.
//!
//! | module | what it is |
//! |---|---|
//! | `api` | the handlers, one endpoint a file |
//! | `access` | who may call, as the operator has set it |
//! | `callers` | guards: who asks, and whether they may |
//! | `user_key`, `conditions`, `queries`, `body`, `fields`, `admin_fields` | guards: what a request says, as types |
//! | `answer`, `view`, `admin_view` | what leaves when all went well |
//! | `problem` | what leaves when not; the only place with statuses and their words |
//! | `front` | what every request passes: its id, the count of those under way, the headers of every answer |
//! | `access_log` | what is left of every request: its line in the log, its count in the metrics |
//! | `traced` | a span for each request, where traces are wanted |
//! | `cors` | which other sites' pages may read answers |
//! | `methods` | 405 and `OPTIONS`, derived from the mounted routes |
//! | `openapi` | the API's description, made of the handlers' own types, and the page that shows it |
//! | `launch` | Rocket's own settings, listening, shutting down |
//!
//! # How to add an endpoint
//! One file in `api` with one handler of a dozen lines and the guard that says who may, its name in `api::routes`, what is
//! told of it in `openapi::told`, its row in `docs/API.md`, its rows in `tests/it/http/callers/table.rs` and its tests in
//! `tests/it/http/`. A body is a `Body<T>` of a type that implements `fields::FromFields`.

mod access;
mod access_log;
mod admin_fields;
mod admin_view;
mod answer;
mod api;
mod body;
mod callers;
mod conditions;
mod cors;
mod fields;
mod front;
mod launch;
mod methods;
mod openapi;
mod problem;
mod queries;
mod traced;
mod user_key;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rocket::{Build, Rocket, catchers};

pub use access::{Access, Proxies, SignUpBy};
pub use launch::{ServeError, serve, serve_until};
pub use problem::ProblemKind;
pub use traced::JoinTrace;

use userd_core::PasswordPolicy;
use userd_core::random::Random;
use userd_metrics::Metrics;
use userd_service::UseCases;
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
    pub access: Access,
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
            access: Access::new(),
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
pub struct Services {
    /// The use cases.
    pub use_cases: UseCases,
    /// The store, to be asked whether it is ready.
    pub store: Arc<dyn Store>,
    /// Where the prefix of request ids comes from.
    pub random: Arc<dyn Random>,
    /// What a new password has to be.
    pub policy: PasswordPolicy,
}

/// The whole service, ready to be launched or tested.
#[must_use]
pub fn rocket(settings: &HttpSettings, services: Services) -> Rocket<Build> {
    let front = front::Front::new(services.random.as_ref(), settings.shutdown_grace);
    let rules = access::Rules { access: settings.access.clone(), loopback: settings.listen.ip().is_loopback() };
    callers::put_behind_guards(rocket::custom(launch::figment(settings)), services.use_cases)
        .attach(front::no_shield())
        .manage(front.drain())
        .manage(front.ids())
        .manage(body::Limits {
            bytes_max: settings.body_bytes_max,
            timeout: settings.body_timeout,
            policy: services.policy,
        })
        .manage(api::StaticDir(settings.static_dir.clone()))
        .manage(rules)
        .manage(openapi::Description::new(services.policy))
        .manage(api::Asked(services.store))
        .manage(access_log::Counted(Arc::clone(&settings.metrics)))
        .manage(api::Shown { metrics: Arc::clone(&settings.metrics), drain: front.drain() })
        .attach(front)
        .attach(launch::tell_address(settings.on_listening.clone()))
        .attach(methods::fairing())
        .attach(access_log::know_routes(Arc::clone(&settings.metrics)))
        .mount("/", traced::wrapped(api::routes(), settings.join_trace.as_ref()))
        .register("/", catchers![problem::refused])
}
