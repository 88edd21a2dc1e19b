//! Who asks, and what they may: decided before a handler runs, and before the body is read.
//!
//! | file | what it is |
//! |---|---|
//! | `credential` | what a request shows of itself: a token, a key, a cookie, nothing |
//! | `principal` | who that is, found out once a request |
//! | `context` | the decision whether they may |
//! | `no_auth`, `optional_auth`, `authorized`, `users_auth`, `metrics_auth`, `session_auth`, `admin_auth` | guards: the decision as types in a handler's signature |
//! | `address` | where a request comes from, and by what name it was sent here |
//! | `fetch_site` | whether a browser asks on behalf of another site |
//! | `cookies` | the cookies of a session and of a known device |
//!
//! | guard | anybody | a user | a service, if its key has |
//! |---|---|---|---|
//! | [`NoAuth`] | yes, whatever they show | yes | yes |
//! | [`OptionalAuth`] | yes | yes | any scope |
//! | [`SignUpAuth`] | if `access.sign_up` is open | as anybody | `users:write` |
//! | [`CountUsersAuth`] | no | no | `users:read` |
//! | [`ReadUser`] | no | themselves, by id | `users:read` |
//! | [`WriteUser`] | no | themselves | `users:write` |
//! | [`ReadSessions`] | no | their own | `sessions:read` |
//! | [`RevokeSessions`] | no | their own | `sessions:write` |
//! | [`SessionAuth`] | no | yes | no |
//! | [`MetricsAuth`] | a program on this machine | the same | `metrics` or `admin` |
//! | [`AdminAuth`] | no | no, also not for themselves | `admin` |
//!
//! In protected mode (no API key was ever made) everybody may what the table keeps from them, but for [`SessionAuth`].
//! That somebody may not is said without looking whether there is such a user.
//!
//! Each guard is made after the decision alone, and hands out what the handler needs: whom it is about, who asks, and
//! the use cases. A handler has no other way to the use cases: none can forget to ask.
//!
//! To add a permission on a user: a type in `authorized` with its scope, its row above.

mod address;
mod admin_auth;
mod authorized;
mod context;
mod cookies;
mod credential;
mod fetch_site;
mod metrics_auth;
mod no_auth;
mod optional_auth;
mod principal;
mod session_auth;
mod users_auth;

pub(super) use admin_auth::AdminAuth;
pub(super) use authorized::{Authorized, Permission, ReadSessions, ReadUser, RevokeSessions, WriteUser};
pub(super) use metrics_auth::MetricsAuth;
pub(super) use no_auth::NoAuth;
pub(super) use optional_auth::OptionalAuth;
pub(super) use session_auth::{SessionAuth, SignOutAuth};
pub(super) use users_auth::{CountUsersAuth, SignUpAuth};

use rocket::{Build, Rocket};

use userd_service::Services;

/// The use cases, where only guards find them.
struct AppState(Services);

/// Puts the use cases behind the guards.
pub(super) fn manage_services(rocket: Rocket<Build>, services: Services) -> Rocket<Build> {
    rocket.manage(AppState(services))
}
