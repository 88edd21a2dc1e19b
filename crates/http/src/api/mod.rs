//! The endpoints by area. One endpoint is one file: the type of its body or query, its handler, its views, its
//! description. `docs/API.md` explains each for users.
//!
//! To add one: a file in its area with a handler and a function `doc`, the handler in the area's `endpoints!`, its
//! entry in `docs/API.md`, and `make openapi`. A view that several endpoints of an area have is in the area's `views`,
//! one that several areas have in [`views`].

use rocket::Route;

use super::openapi::Endpoint;
use userd_core::PasswordPolicy;

/// The routes of an area, and their descriptions: from the signature of each handler and its module's `doc`. The text
/// before the colon is the area's tag.
macro_rules! endpoints {
    ($tag:literal: $($module:ident::$handler:ident),* $(,)?) => {
        /// The routes of this area.
        pub(super) fn routes() -> Vec<rocket::Route> {
            rocket::routes![$($module::$handler),*]
        }

        /// The same routes with their descriptions.
        pub(super) fn endpoints(policy: super::PasswordPolicy) -> Vec<super::Endpoint> {
            let each = [$(super::Endpoint::of(
                rocket::routes![$module::$handler],
                &$module::$handler,
                || $module::doc().tag($tag),
                policy,
            )),*];
            each.into_iter().flatten().collect()
        }
    };
}

mod admin;
mod operations;
mod prelude;
mod sessions;
mod tokens;
mod users;
mod views;

pub use admin::{AccountListItemView, AccountView, EventView, PageView, StatsView, UnreadableAccountView};
pub(super) use operations::ReadinessStore;

/// All routes.
pub(super) fn routes() -> Vec<Route> {
    let areas = [operations::routes(), users::routes(), sessions::routes(), tokens::routes(), admin::routes()];
    areas.into_iter().flatten().collect()
}

/// All routes with their descriptions.
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
