//! The endpoints, one a file: this listing is the API's table of contents. `docs/API.md` says what each does.

use rocket::{Route, routes};

use super::openapi::Endpoint;
use userd_core::PasswordPolicy;

/// The routes to these handlers, and what their signatures say for the API's description; then those of other modules.
macro_rules! endpoints {
    ($($module:ident::$handler:ident),* $(,)? $(; $more:ident)*) => {
        /// Every route to the handlers of this module.
        pub(crate) fn routes() -> Vec<Route> {
            let own = routes![$($module::$handler),*];
            own.into_iter()$(.chain($more::routes()))*.collect()
        }

        /// The same with what the handlers' signatures say.
        pub(crate) fn endpoints(policy: PasswordPolicy) -> Vec<Endpoint> {
            let own = [$(Endpoint::of(routes![$module::$handler], &$module::$handler, policy)),*];
            own.into_iter().flatten()$(.chain($more::endpoints(policy)))*.collect()
        }
    };
}

mod admin;
mod description;
mod discovery;
mod docs;
mod files;
mod health;
mod jwks;
mod login;
mod metrics;
mod ping;
mod session_end;
mod session_show;
mod sessions_end_one;
mod sessions_end_others;
mod sessions_list;
mod token_create;
mod token_refresh;
mod users_count;
mod users_create;
mod users_delete;
mod users_password;
mod users_replace;
mod users_show;

pub(super) use files::{FilePath, StaticDir};
pub(super) use health::Asked;
pub(super) use jwks::KeySet;
pub(super) use metrics::Shown;
pub(super) use {discovery::Discovery, health::Health};

endpoints![
    ping::ping,
    health::live,
    health::ready,
    metrics::show,
    description::describe,
    docs::browse,
    users_create::create,
    users_count::count,
    users_show::show,
    users_replace::replace,
    users_password::change,
    users_delete::delete,
    login::login,
    session_show::show,
    session_end::end,
    sessions_list::list,
    sessions_end_one::end_one,
    sessions_end_others::end_others,
    token_create::create,
    token_refresh::refresh,
    jwks::keys,
    discovery::discover,
    files::file,
    ; admin
];
