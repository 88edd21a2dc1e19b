//! `GET /health/ready`: whether the store answers too, for load balancers.
//!
//! The reason is for the operator and goes to the log, at level `debug`: probes come every few seconds, and each
//! request that fails logs it anyway.

use std::error::Error;
use std::sync::Arc;

use super::health_live::HealthView;
use crate::api::prelude::*;
use userd_store::Store;

/// The store, for its health check alone.
pub(crate) struct ReadinessStore(pub(crate) Arc<dyn Store>);

#[get("/health/ready")]
pub(super) async fn ready(store: &State<ReadinessStore>) -> Result<ApiResponse, Problem> {
    match store.0.check_health().await {
        Ok(()) => Ok(ApiResponse::json(&HealthView { status: "ready" })),
        Err(error) => {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::debug!(%error, reason, "not ready");
            Err(Problem::new(ProblemKind::StoreUnavailable, "the store is unavailable; try again"))
        }
    }
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("get_readiness", "Readiness probe")
        .description("Checks the store. For load balancers.")
        .response(ResponseDoc::view::<HealthView>("The service is ready", json!({ "status": "ready" })))
        .problems([ProblemKind::StoreUnavailable])
}
