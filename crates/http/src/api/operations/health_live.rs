//! `GET /health/live`: whether the process answers. Does not use the store.

use super::views::HealthView;
use crate::api::prelude::*;

#[get("/health/live")]
pub(super) fn live() -> ApiResponse {
    ApiResponse::json(&HealthView { status: "live" })
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc {
        operation_id: "get_liveness",
        tag: "operations",
        summary: "Liveness probe",
        description: "Does not use the store.",
        responses: vec![ResponseDoc::view::<HealthView>("The process is live", json!({ "status": "live" }))],
        ..OperationDoc::default()
    }
}
