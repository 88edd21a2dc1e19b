//! `GET /metrics`: what userd counts and measures, as Prometheus reads it.

use std::sync::Arc;
use std::time::Duration;

use rocket::{State, get};

use super::Asked;
use crate::http::answer::Lines;
use crate::http::callers::MayScrape;
use crate::http::front::Drain;
use crate::metrics::{CONTENT_TYPE, Metrics};

/// How long the store may take to say that it is up: longer than a healthy one ever takes, and far below the ten
/// seconds that Prometheus gives a scrape.
const CHECK_TIME_MAX: Duration = Duration::from_millis(500);

/// What is shown.
pub(in crate::http) struct Shown {
    /// The numbers.
    pub(in crate::http) metrics: Arc<Metrics>,
    /// The requests under way.
    pub(in crate::http) drain: Drain,
}

#[get("/metrics")]
pub(super) async fn show(_may: MayScrape, shown: &State<Shown>, store: &State<Asked>) -> Lines {
    let checked = tokio::time::timeout(CHECK_TIME_MAX, store.0.check()).await;
    shown.metrics.stores.up.set(usize::from(matches!(checked, Ok(Ok(())))));
    shown.metrics.requests.in_flight.set(shown.drain.under_way());
    Lines { text: shown.metrics.text(), content_type: CONTENT_TYPE }
}
