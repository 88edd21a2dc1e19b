//! `GET /openapi.json`: the API's description.

use rocket::http::ContentType;
use rocket::{State, get};

use crate::openapi::ApiDescription;
use crate::response::CacheableResponse;

#[get("/openapi.json")]
pub(super) fn openapi(description: &State<ApiDescription>) -> CacheableResponse<'_> {
    CacheableResponse::text(description.json(), ContentType::JSON)
}
