//! `GET /docs`: the API's description as a page.

use crate::api::prelude::*;
use crate::openapi::LazyApiDescription;

#[get("/docs")]
pub(super) fn docs(description: &State<LazyApiDescription>) -> CacheableResponse<'_> {
    CacheableResponse::page(&description.page.html, &description.page.content_security)
}

pub(super) fn doc() -> OperationDoc {
    let page = ResponseDoc::new("The page", "text/html; charset=utf-8", json!({ "type": "string" }), None);
    OperationDoc::new("get_docs", "Get the API documentation as a page")
        .description("Self-contained HTML; loads nothing from other sites.")
        .response(page.with_header("Cache-Control"))
}
