//! `GET /metrics`: what userd counts and measures, as Prometheus reads it.

use std::sync::Arc;
use std::time::Duration;

use rocket::{State, get};

use super::ReadinessStore;
use crate::auth::{Authorized, ReadMetrics};
use crate::request_drain::RequestDrain;
use crate::response::PlainTextResponse;
use userd_metrics::{CONTENT_TYPE, Metrics};

/// How long the store may take to say that it is up: longer than a healthy one ever takes, and far below the ten
/// seconds that Prometheus gives a scrape.
const CHECK_TIME_MAX: Duration = Duration::from_millis(500);

/// What is shown.
pub(crate) struct MetricsState {
    /// The numbers.
    pub(crate) metrics: Arc<Metrics>,
    /// The requests under way.
    pub(crate) drain: RequestDrain,
}

#[get("/metrics")]
pub(super) async fn metrics(
    _auth: Authorized<'_, ReadMetrics>,
    state: &State<MetricsState>,
    store: &State<ReadinessStore>,
) -> PlainTextResponse {
    let checked = tokio::time::timeout(CHECK_TIME_MAX, store.0.check_health()).await;
    state.metrics.stores.up.set(usize::from(matches!(checked, Ok(Ok(())))));
    state.metrics.requests.in_flight.set(state.drain.in_flight());
    PlainTextResponse { text: state.metrics.text(), content_type: CONTENT_TYPE }
}
