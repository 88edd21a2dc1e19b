//! The endpoints, one a file: this listing is the API's table of contents. `docs/API.md` says what each does.

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

use rocket::{Route, routes};

pub(super) use files::{FilePath, StaticDir};
pub(super) use health::Asked;
pub(super) use jwks::KeySet;
pub(super) use metrics::Shown;
pub(super) use {discovery::Discovery, health::Health};

use super::openapi::Endpoint;
use crate::domain::PasswordPolicy;

/// Every route there is, and what its handler's signature says of it for the API's description.
macro_rules! endpoints {
    ($($module:ident::$handler:ident),* $(,)?) => {
        /// Every route there is.
        pub(super) fn routes() -> Vec<Route> {
            routes![$($module::$handler),*]
        }

        /// The same with what the handlers' signatures say.
        pub(super) fn endpoints(policy: PasswordPolicy) -> Vec<Endpoint> {
            let each = [$(Endpoint::of(routes![$module::$handler], &$module::$handler, policy)),*];
            each.into_iter().flatten().collect()
        }
    };
}

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
];
