//! `GET /docs`: the API's description as a page.

use crate::api::prelude::*;
use crate::openapi::ApiDescription;

#[get("/docs")]
pub(super) fn docs(description: &State<ApiDescription>) -> CacheableResponse<'_> {
    CacheableResponse::page(&description.page().html, &description.page().content_security)
}

pub(super) fn doc() -> OperationDoc {
    let page = ResponseDoc::non_json("The page", "text/html; charset=utf-8", plain_text(), None);
    OperationDoc {
        operation_id: "get_docs",
        tag: "operations",
        summary: "Get the API documentation as a page",
        description: "Self-contained HTML; loads nothing from other sites.",
        responses: vec![page.with_header("Cache-Control")],
        ..OperationDoc::default()
    }
}
