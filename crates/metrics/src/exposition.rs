//! The text of a scrape: every metric of the table, written by the library's encoder.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::registry::Registry;

use crate::metrics::Metrics;
use crate::table::METRICS;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The initial capacity of the text, in bytes: its size once most routes have answered.
const TEXT_BYTES_USUAL: usize = 64 * 1024;

impl Metrics {
    /// All metrics in Prometheus's text format 0.0.4.
    #[must_use]
    pub fn text(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        // Not registered one by one: the registry would append a full stop to each help text.
        registry.register_collector(Box::new(MetricsCollector(Arc::clone(self))));
        let mut text = String::with_capacity(TEXT_BYTES_USUAL);
        // Writing to a String can't fail, and the encoder rejects only kinds of histograms that we do not have.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

#[derive(Debug)]
struct MetricsCollector(Arc<Metrics>);

impl Collector for MetricsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        METRICS.iter().try_for_each(|row| row.encode(&self.0, &mut encoder))
    }
}
