//! `GET /docs`: the API's description as a page.

use rocket::http::ContentType;
use rocket::{State, get};

use crate::http::answer::Published;
use crate::http::openapi::Description;

#[get("/docs")]
pub(super) fn browse(description: &State<Description>) -> Published<'_> {
    Published::text(description.page().html.as_str(), ContentType::HTML)
        .with_content_security(&description.page().content_security)
}
