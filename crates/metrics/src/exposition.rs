//! From numbers to lines: the library's encoder, with the names and labels of the table.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Metrics;
use super::instruments::{Histogram, LabeledCounter};
use super::table::{METRICS, MetricDefinition, MetricKind};

/// One look at everything.
#[derive(Debug)]
pub(super) struct MetricsCollector(pub(super) Arc<Metrics>);

impl Collector for MetricsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for row in &METRICS {
            let kind = match row.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram => MetricType::Histogram,
            };
            // The encoder puts the counter's suffix back.
            let name = row.name.strip_suffix("_total").unwrap_or(row.name);
            let encoder = encoder.encode_descriptor(name, row.help, None, kind)?;
            row.write(&self.0, &mut SampleWriter { encoder, row })?;
        }
        Ok(())
    }
}

/// The lines of one metric.
pub(super) struct SampleWriter<'a> {
    encoder: MetricEncoder<'a>,
    row: &'static MetricDefinition,
}

impl SampleWriter<'_> {
    /// A counter with these labels' values.
    pub(super) fn count(&mut self, values: &[&str], count: u64) -> fmt::Result {
        self.with(values, |encoder| encoder.encode_counter::<NoLabelSet, _, f64>(&count, None))
    }

    /// A counter of what is no whole number.
    pub(super) fn count_f64(&mut self, sum: f64) -> fmt::Result {
        self.with(&[], |encoder| encoder.encode_counter::<NoLabelSet, _, f64>(&sum, None))
    }

    /// A counter for each word.
    pub(super) fn counts(&mut self, counts: &LabeledCounter) -> fmt::Result {
        counts.each().try_for_each(|(word, count)| self.count(&[word], count))
    }

    /// A gauge with these labels' values.
    pub(super) fn gauge(&mut self, values: &[&str], gauge: u64) -> fmt::Result {
        self.with(values, |encoder| encoder.encode_gauge(&gauge))
    }

    /// A gauge of what is no whole number.
    pub(super) fn gauge_f64(&mut self, gauge: f64) -> fmt::Result {
        self.with(&[], |encoder| encoder.encode_gauge(&gauge))
    }

    /// A histogram with these labels' values.
    pub(super) fn histogram(&mut self, values: &[&str], histogram: &Histogram) -> fmt::Result {
        let buckets = histogram.buckets();
        // Of the same moment as the buckets, which a request that ends meanwhile adds to.
        let count = buckets.iter().map(|(_, count)| count).sum();
        self.with(values, |encoder| encoder.encode_histogram::<NoLabelSet>(histogram.sum(), count, &buckets, None))
    }

    fn with(&mut self, values: &[&str], write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result) -> fmt::Result {
        if values.is_empty() {
            return write(&mut self.encoder);
        }
        let labels: Vec<(&str, &str)> = self.row.labels.iter().copied().zip(values.iter().copied()).collect();
        write(&mut self.encoder.encode_family(&labels)?)
    }
}
