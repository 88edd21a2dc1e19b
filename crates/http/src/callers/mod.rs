//! Who asks, and what they may: decided before a handler runs, and before the body is read.
//!
//! | file | what it is |
//! |---|---|
//! | `shown` | what a request shows of itself: a token, a key, a cookie, nothing |
//! | `caller` | who that is, found out once a request |
//! | `pass` | the decision whether they may |
//! | `public`, `anyone`, `may`, `may_all`, `may_scrape`, `signed_in`, `administrator` | guards: the decision as types in a handler's signature |
//! | `address` | where a request comes from, and by what name it was sent here |
//! | `site` | whether a browser asks on behalf of another site |
//! | `cookies` | the cookies of a session and of a known device |
//!
//! | guard | anybody | a user | a service, if its key has |
//! |---|---|---|---|
//! | [`Public`] | yes, whatever they show | yes | yes |
//! | [`Anyone`] | yes | yes | any scope |
//! | [`MaySignUp`] | if `access.sign_up` is open | as anybody | `users:write` |
//! | [`MayCount`] | no | no | `users:read` |
//! | [`MayRead`] | no | themselves, by id | `users:read` |
//! | [`MayChange`] | no | themselves | `users:write` |
//! | [`MaySeeSessions`] | no | their own | `sessions:read` |
//! | [`MayEndSessions`] | no | their own | `sessions:write` |
//! | [`SignedIn`] | no | yes | no |
//! | [`MayScrape`] | a program on this machine | the same | `metrics` or `admin` |
//! | [`Administrator`] | no | no, also not for themselves | `admin` |
//!
//! In protected mode (no API key was ever made) everybody may what the table keeps from them, but for [`SignedIn`].
//! That somebody may not is said without looking whether there is such a user.
//!
//! Each guard is made after the decision alone, and hands out what the handler needs: whom it is about, who asks, and
//! the use cases. A handler has no other way to the use cases: none can forget to ask.
//!
//! To add an act upon a user: a type in `may` with its scope, its alias, its row above.

mod address;
mod administrator;
mod anyone;
mod caller;
mod cookies;
mod may;
mod may_all;
mod may_scrape;
mod pass;
mod public;
mod shown;
mod signed_in;
mod site;

pub(super) use administrator::Administrator;
pub(super) use anyone::Anyone;
pub(super) use may::{Act, May, MayChange, MayEndSessions, MayRead, MaySeeSessions};
pub(super) use may_all::{MayCount, MaySignUp};
pub(super) use may_scrape::MayScrape;
pub(super) use public::Public;
pub(super) use signed_in::{SignedIn, SigningOut};

use rocket::{Build, Rocket};

use userd_service::UseCases;

/// The use cases, where only guards find them.
struct Reach(UseCases);

/// Puts the use cases behind the guards.
pub(super) fn put_behind_guards(rocket: Rocket<Build>, use_cases: UseCases) -> Rocket<Build> {
    rocket.manage(Reach(use_cases))
}
