//! `GET /docs`: the API's description as a page.

use rocket::{State, get};

use crate::http::answer::Published;
use crate::http::openapi::Description;

#[get("/docs")]
pub(super) fn browse(description: &State<Description>) -> Published<'_> {
    Published::page(&description.page().html, &description.page().content_security)
}
