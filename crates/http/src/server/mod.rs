//! What surrounds the handlers: listening and shutdown, and what every request passes.
//!
//! | file | what it is |
//! |---|---|
//! | `launch` | listening, signals, shutdown |
//! | `rocket_config` | Rocket's own settings |
//! | `lifecycle` | the fairing of every request: its id, the number in flight, the common headers |
//! | `access_log` | a line in the log and a count in the metrics for each request |
//! | `cors` | which other origins may read responses |
//! | `methods` | 405 and `OPTIONS`, derived from the mounted routes |
//! | `catcher` | problems of guards, and of Rocket itself |
//! | `request_tracing` | a span for each request, if tracing is on |
//!
//! It decides nothing about callers: that is `auth`. To add what every request needs: a step in `lifecycle`.

mod access_log;
mod catcher;
mod cors;
mod launch;
mod lifecycle;
mod methods;
mod request_tracing;
mod rocket_config;

pub(super) use access_log::register_routes;
pub(super) use catcher::default_catcher;
pub use launch::{ServeError, serve, serve_until};
pub(super) use lifecycle::RequestLifecycle;
pub(super) use methods::method_fallbacks;
pub(super) use request_tracing::wrap_routes;
pub(super) use rocket_config::{announce_address, figment};
