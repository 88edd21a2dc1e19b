//! `GET /docs`: the API's description as a page.

use rocket::{State, get};

use crate::openapi::ApiDescription;
use crate::response::CacheableResponse;

#[get("/docs")]
pub(super) fn docs(description: &State<ApiDescription>) -> CacheableResponse<'_> {
    CacheableResponse::page(&description.page().html, &description.page().content_security)
}
