//! `GET /metrics`: what userd counts and measures, as Prometheus reads it.

use std::sync::Arc;
use std::time::Duration;

use rocket::{State, get};

use super::Asked;
use crate::answer::Lines;
use crate::callers::MayScrape;
use crate::front::Drain;
use userd_metrics::{CONTENT_TYPE, Metrics};

/// How long the store may take to say that it is up: longer than a healthy one ever takes, and far below the ten
/// seconds that Prometheus gives a scrape.
const CHECK_TIME_MAX: Duration = Duration::from_millis(500);

/// What is shown.
pub(crate) struct Shown {
    /// The numbers.
    pub(crate) metrics: Arc<Metrics>,
    /// The requests under way.
    pub(crate) drain: Drain,
}

#[get("/metrics")]
pub(super) async fn show(_may: MayScrape, shown: &State<Shown>, store: &State<Asked>) -> Lines {
    let checked = tokio::time::timeout(CHECK_TIME_MAX, store.0.check()).await;
    shown.metrics.stores.up.set(usize::from(matches!(checked, Ok(Ok(())))));
    shown.metrics.requests.in_flight.set(shown.drain.under_way());
    Lines { text: shown.metrics.text(), content_type: CONTENT_TYPE }
}
