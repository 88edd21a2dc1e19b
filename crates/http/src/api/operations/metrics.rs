//! `GET /metrics`: the metrics in Prometheus's text format.

use std::time::Duration;

use super::ReadinessStore;
use crate::api::prelude::*;
use crate::request_drain::RequestDrain;
use crate::settings::HttpSettings;
use userd_metrics::CONTENT_TYPE;

/// The time limit of the store's health check: longer than a healthy store needs, and far below Prometheus's ten
/// seconds for a scrape.
const CHECK_TIME_MAX: Duration = Duration::from_millis(500);

#[get("/metrics")]
pub(super) async fn metrics(
    _auth: Authorized<'_, ReadMetrics>,
    settings: &State<HttpSettings>,
    drain: &State<RequestDrain>,
    store: &State<ReadinessStore>,
) -> ApiResponse {
    let checked = tokio::time::timeout(CHECK_TIME_MAX, store.0.check_health()).await;
    settings.metrics.stores.up.set(u64::from(matches!(checked, Ok(Ok(())))));
    settings.metrics.requests.in_flight.set(drain.in_flight() as u64);
    ApiResponse::text(settings.metrics.text(), CONTENT_TYPE)
}

pub(super) fn doc() -> OperationDoc {
    let text = json!({ "type": "string" });
    OperationDoc::new("get_metrics", "Get the metrics")
        .description("In the Prometheus text format. Without credentials only from userd's own machine.")
        .response(ResponseDoc::new("The metrics in the Prometheus text format", CONTENT_TYPE, text, None))
}
