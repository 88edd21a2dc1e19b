//! `GET /ping`: is anybody there? Touches nothing, not even the store.

use rocket::get;

#[get("/ping")]
pub(super) fn ping() -> &'static str {
    "PONG!"
}
