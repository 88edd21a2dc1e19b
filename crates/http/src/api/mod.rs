//! The endpoints by area, one endpoint a file. `docs/API.md` says what each does.
//!
//! To add one: a file in its area, and its handler in the `endpoints!` of the area's `mod.rs`.

use rocket::Route;

use super::openapi::Endpoint;
use userd_core::PasswordPolicy;

/// The routes to these handlers, and what their signatures say for the API's description.
macro_rules! endpoints {
    ($($module:ident::$handler:ident),* $(,)?) => {
        /// The routes of this area.
        pub(super) fn routes() -> Vec<rocket::Route> {
            rocket::routes![$($module::$handler),*]
        }

        /// The same routes, described by their handlers' signatures.
        pub(super) fn endpoints(policy: super::PasswordPolicy) -> Vec<super::Endpoint> {
            let each = [$(super::Endpoint::of(rocket::routes![$module::$handler], &$module::$handler, policy)),*];
            each.into_iter().flatten().collect()
        }
    };
}

mod admin;
mod operations;
mod sessions;
mod tokens;
mod users;

pub(super) use operations::{FilePath, HealthView, MetricsState, ReadinessStore, StaticDir};
pub(super) use tokens::{JwkSetView, OpenIdConfigurationView};

/// All routes.
pub(super) fn routes() -> Vec<Route> {
    let areas = [operations::routes(), users::routes(), sessions::routes(), tokens::routes(), admin::routes()];
    areas.into_iter().flatten().collect()
}

/// All routes, described by their handlers' signatures.
pub(super) fn endpoints(policy: PasswordPolicy) -> Vec<Endpoint> {
    let areas = [
        operations::endpoints(policy),
        users::endpoints(policy),
        sessions::endpoints(policy),
        tokens::endpoints(policy),
        admin::endpoints(policy),
    ];
    areas.into_iter().flatten().collect()
}
