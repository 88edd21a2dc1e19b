//! The HTTP API, on Rocket: the only crate that names Rocket.
//!
//! | module | what it is |
//! |---|---|
//! | `api` | the endpoints, one a file |
//! | `auth` | authentication and authorisation, as guards |
//! | `user_ref`, `conditions`, `input` | path, conditions, query and body of a request as types |
//! | `response` | responses that are a success; views are with the endpoints |
//! | `problem` | responses that are not |
//! | `openapi` | the API's description, made of the handlers' types, and its page |
//! | `server` | listening, shutdown, and what every request passes |
//! | `request_context`, `request_drain` | the state of a request, and the number of requests in flight |
//! | `settings`, `access` | the settings |
//!
//! # How to add an endpoint
//! One file in `api` with its body, its handler and guard, its view and its `doc`; its name in the `endpoints!` of its
//! area; its entry in `docs/API.md`; `make openapi`. `tests/it/http/auth/table.rs` then asks it as every caller, and
//! compares with the `security` of `docs/openapi.json`. Its own tests are in `tests/it/http/`.

mod access;
mod api;
mod auth;
mod conditions;
mod input;
mod openapi;
mod problem;
mod request_context;
mod request_drain;
mod response;
mod server;
mod settings;
mod user_ref;

use std::sync::Arc;

use rocket::shield::Shield;
use rocket::{Build, Rocket, catchers};

pub use access::{AccessSettings, CorsSettings, SignUpPolicy, TrustedProxies};
pub use api::{AccountListItemView, AccountView, EventView, PageView, StatsView, UnreadableAccountView};
pub use problem::ProblemKind;
pub use server::{ServeError, serve, serve_until};
pub use settings::{
    BODY_BYTES_MAX, BODY_TIMEOUT, HttpDependencies, HttpLimits, HttpSettings, JoinTrace, OnListening, SHUTDOWN_GRACE,
};

/// The Rocket instance of the whole service, for [`serve`] or a test client.
#[must_use]
pub fn rocket(settings: &HttpSettings, dependencies: HttpDependencies) -> Rocket<Build> {
    let lifecycle = server::RequestLifecycle::new(dependencies.random.as_ref(), settings.shutdown_grace);
    auth::manage_services(rocket::custom(server::figment(settings)), dependencies.services)
        .attach(Shield::new())
        .manage(settings.clone())
        .manage(dependencies.policy)
        .manage(lifecycle.drain.clone())
        .manage(Arc::clone(&lifecycle.ids))
        .manage(openapi::describe(dependencies.policy, api::endpoints))
        .manage(api::ReadinessStore(dependencies.store))
        .attach(lifecycle)
        .attach(server::announce_address(settings.on_listening.clone()))
        .attach(server::method_fallbacks())
        .attach(server::register_routes(Arc::clone(&settings.metrics)))
        .mount("/", server::wrap_routes(api::routes(), settings.join_trace.as_ref()))
        .register("/", catchers![server::default_catcher])
}
