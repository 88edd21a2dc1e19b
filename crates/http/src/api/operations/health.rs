//! `GET /health/live` and `/health/ready`: for whoever starts, stops and routes to processes.
//!
//! Live says that the process answers; ready asks the store too. Why it is not ready is for the operator: at
//! level `debug`, since probes come every few seconds and each request that fails says it anyway.

use std::sync::Arc;

use rocket::{State, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemKind};
use crate::response::ApiResponse;
use userd_store::Store;

/// The store that is asked whether it is ready, and nothing else.
pub(crate) struct ReadinessStore(pub(crate) Arc<dyn Store>);

/// How the process is.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthView {
    /// `live` or `ready`.
    status: &'static str,
}

#[get("/health/live")]
pub(super) fn live() -> ApiResponse {
    ApiResponse::json(&HealthView { status: "live" })
}

#[get("/health/ready")]
pub(super) async fn ready(store: &State<ReadinessStore>) -> Result<ApiResponse, Problem> {
    match store.0.check_health().await {
        Ok(()) => Ok(ApiResponse::json(&HealthView { status: "ready" })),
        Err(error) => {
            let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::debug!(%error, reason, "not ready");
            Err(Problem::new(ProblemKind::StoreUnavailable, "users can't be reached now; try again"))
        }
    }
}
