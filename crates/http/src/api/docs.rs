//! `GET /docs`: the API's description as a page.

use rocket::{State, get};

use crate::answer::Published;
use crate::openapi::Description;

#[get("/docs")]
pub(super) fn browse(description: &State<Description>) -> Published<'_> {
    Published::page(&description.page().html, &description.page().content_security)
}
