//! `GET /openapi.json`: the API's description.

use rocket::http::ContentType;
use rocket::{State, get};

use crate::answer::Published;
use crate::openapi::Description;

#[get("/openapi.json")]
pub(super) fn describe(description: &State<Description>) -> Published<'_> {
    Published::text(description.json(), ContentType::JSON)
}
