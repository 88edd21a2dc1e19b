//! `GET /openapi.json`: the API's description.

use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api::prelude::*;
use crate::openapi::ApiDescription;

#[get("/openapi.json")]
pub(super) fn openapi(description: &State<ApiDescription>) -> CacheableResponse<'_> {
    CacheableResponse::text(description.json(), ContentType::JSON)
}

pub(super) fn doc() -> OperationDoc {
    let object = ObjectBuilder::new().schema_type(Type::Object).build();
    let response = ResponseDoc::non_json("The document", "application/json", object, None);
    OperationDoc {
        operation_id: "get_openapi",
        tag: "operations",
        summary: "Get the OpenAPI document",
        description: "OpenAPI 3.1.",
        responses: vec![response.with_header("Cache-Control")],
        ..OperationDoc::default()
    }
}
