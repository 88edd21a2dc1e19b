//! `GET /health/live`: whether the process answers. Does not use the store.

use crate::api::prelude::*;

/// The health of the process.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthView {
    /// `live` or `ready`.
    pub(super) status: &'static str,
}

#[get("/health/live")]
pub(super) fn live() -> ApiResponse {
    ApiResponse::json(&HealthView { status: "live" })
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("get_liveness", "Liveness probe")
        .description("Does not use the store.")
        .response(ResponseDoc::view::<HealthView>("The process is live", json!({ "status": "live" })))
}
