//! `GET /openapi.json`: the API's description.

use crate::api::prelude::*;
use crate::openapi::LazyApiDescription;

#[get("/openapi.json")]
pub(super) fn openapi(description: &State<LazyApiDescription>) -> CacheableResponse<'_> {
    CacheableResponse::text(&description.json, ContentType::JSON)
}

pub(super) fn doc() -> OperationDoc {
    let response = ResponseDoc::new("The document", "application/json", json!({ "type": "object" }), None);
    OperationDoc::new("get_openapi", "Get the OpenAPI document")
        .description("OpenAPI 3.1.")
        .response(response.with_header("Cache-Control"))
}
