//! Authentication and authorisation, decided before a handler runs and before the body is read.
//!
//! | file | what it is |
//! |---|---|
//! | `permissions` | who may call what: a table |
//! | `authorized` | the guard in a handler's signature, and the decision |
//! | `context` | what the guard hands to a handler |
//! | `principal` | who calls, resolved once a request |
//! | `credential` | what a request carries: a session token, an API key, a cookie, nothing |
//! | `protected_mode` | access without credentials, for programs on this machine |
//! | `address` | the client's address, and the host name that the request uses |
//! | `fetch_site` | whether a browser sends the request for another site |
//! | `cookies`, `browser_cookies` | the cookies of a session and of a trusted device |
//! | `app_state` | the use cases, out of reach for everything but the guard |
//!
//! To add a permission: a row in `permissions`.

mod address;
mod app_state;
mod authorized;
mod browser_cookies;
mod context;
mod cookies;
mod credential;
mod fetch_site;
mod permissions;
mod principal;
mod protected_mode;

pub(super) use app_state::manage_services;
pub(super) use authorized::Authorized;
pub(super) use browser_cookies::BrowserCookies;
pub(super) use fetch_site::is_state_changing;
#[cfg(test)]
pub(super) use permissions::ALL as ALL_PERMISSIONS;
pub(super) use permissions::{
    AccessRule, Administer, AnonymousAccess, CountUsers, CredentialSource, Permission, ReadMetrics, ReadPublished,
    ReadSessions, ReadUser, RevokeSessions, ServiceAccess, SignIn, SignOut, SignUp, UseSession, UserAccess, UserInPath,
    WriteUser,
};
