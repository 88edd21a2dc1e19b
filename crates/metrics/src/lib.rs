//! The metrics of a running userd, for `GET /metrics`.
//!
//! A [`Metrics`] is passed to everything that records; nothing is global. The default one records as well and is never
//! exposed. Recording takes no lock and allocates nothing: counters and gauges are the library's, which are one atomic
//! number each; histograms and families are our own, because the library's take a lock (`docs/decisions/0021`).
//!
//! **Invariant:** no label contains user input. Each label's values are fixed when userd starts.
//!
//! | module | what it is for |
//! |---|---|
//! | `table` | every metric: name, unit, labels, help, and where its numbers are |
//! | `metrics` | what is recorded, by the part of the program that records it |
//! | `requests` | HTTP requests by route, method and status |
//! | `labels` | the values of labels, and families of metrics by them |
//! | `instruments` | counters, gauges, histograms |
//! | `process` | what Linux reports about this process |
//! | `exposition` | the text of a scrape |
//!
//! # How to add a metric
//! Add a field to the struct of its part in `metrics`, a row to `table::METRICS`, and a row to `docs/METRICS.md`; a
//! test compares the two.

mod exposition;
mod instruments;
mod labels;
mod metrics;
mod process;
mod requests;
mod table;

pub use self::exposition::CONTENT_TYPE;
pub use self::instruments::{Counter, Gauge, Histogram};
pub use self::labels::{
    DoctorOutcome, EnumFamily, HashRejection, RedisRetry, RedisRoundTrip, StoreCall, StoreCallOutcome, StoreConflict,
};
pub use self::metrics::{HashMetrics, Metrics, StoreMetrics};
pub use self::requests::HttpMetrics;
pub use self::table::{METRICS, MetricDefinition, MetricKind};
