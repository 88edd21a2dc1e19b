//! Every metric, in the order in which a scrape shows them.
//!
//! A name never changes: dashboards and alerts outside this repository use it. `docs/METRICS.md` has the same rows; a
//! test compares them.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
pub use prometheus_client::metrics::MetricType as MetricKind;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use userd_core::EventKind;

use self::MetricKind::{Counter, Gauge, Histogram};
use crate::metrics::Metrics;
use crate::process;

/// One metric.
#[derive(Debug)]
pub struct MetricDefinition {
    /// The full name.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The unit, in the plural.
    pub unit: &'static str,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// The help text.
    pub help: &'static str,
    samples: SampleFn,
}

impl MetricDefinition {
    /// Writes the header and the samples.
    pub(crate) fn encode(&self, metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        // The encoder appends the counter's suffix itself.
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        let encoder = encoder.encode_descriptor(name, self.help, None, self.kind)?;
        (self.samples)(metrics, SampleEncoder { encoder, labels: self.labels })
    }
}

type SampleFn = fn(&Metrics, SampleEncoder<'_>) -> fmt::Result;

/// Writes the samples of one metric.
struct SampleEncoder<'a> {
    encoder: MetricEncoder<'a>,
    labels: &'static [&'static str],
}

impl SampleEncoder<'_> {
    /// The only sample of a metric without labels.
    fn one(self, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.encoder)
    }

    /// A metric that the system may not report.
    fn reported(self, metric: Option<impl EncodeMetric>) -> fmt::Result {
        metric.map_or(Ok(()), |metric| self.one(&metric))
    }

    /// A sample for each value of the one label.
    fn each<'m, M: EncodeMetric + 'm>(
        mut self,
        metrics: impl IntoIterator<Item = (&'static str, &'m M)>,
    ) -> fmt::Result {
        metrics.into_iter().try_for_each(|(value, metric)| self.labeled([value], metric))
    }

    /// A sample with these values of the labels.
    fn labeled<const N: usize>(&mut self, values: [&str; N], metric: &impl EncodeMetric) -> fmt::Result {
        let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values).collect();
        metric.encode(self.encoder.encode_family(&labels)?)
    }
}

/// The kinds of events that end sessions.
const ENDING_SESSIONS: [EventKind; 8] = [
    EventKind::SignedOut,
    EventKind::SessionRevoked,
    EventKind::SessionsRevoked,
    EventKind::RefreshReused,
    EventKind::PasswordChanged,
    EventKind::Disabled,
    EventKind::PasswordExpired,
    EventKind::Deleted,
];

/// Every metric.
#[rustfmt::skip]
pub const METRICS: [MetricDefinition; 31] = [
    metric(Counter, "userd_http_requests_total", "requests", &["route", "method", "status"],
        "Requests answered", |m, mut s| {
        m.requests.each().into_iter().try_for_each(|([route, method], series)| {
            series.statuses().try_for_each(|(status, count)| s.labeled([route, method, status], count))
        })
    }),
    metric(Histogram, "userd_http_request_duration_seconds", "seconds", &["route", "method"],
        "Duration of a request, from its header to the start of its answer", |m, mut s| {
        m.requests.each().into_iter().try_for_each(|(labels, series)| s.labeled(labels, &series.duration))
    }),
    metric(Gauge, "userd_http_requests_in_flight", "requests", &[],
        "Requests in flight, this one included", |m, s| s.one(&m.requests.in_flight)),
    metric(Gauge, "userd_hashes_in_flight", "hashes", &[],
        "Hash threads that are busy", |m, s| s.one(&m.hashes.in_flight)),
    metric(Gauge, "userd_hashes_queued", "requests", &[],
        "Requests waiting for a hash thread", |m, s| s.one(&m.hashes.queued)),
    metric(Counter, "userd_hashes_rejected_total", "requests", &["reason"],
        "Requests rejected with 503 because no hash thread was free", |m, s| s.each(m.hashes.rejected.iter())),
    metric(Counter, "userd_hashes_done_total", "hashes", &[],
        "Passwords hashed or verified", |m, s| s.one(&ConstCounter::new(m.hashes.duration.count()))),
    metric(Histogram, "userd_hash_duration_seconds", "seconds", &[],
        "Duration of hashing or verifying a password, without the wait for a thread", |m, s| s.one(&m.hashes.duration)),
    metric(Gauge, "userd_store_up", "1 or 0", &[],
        "Whether the store can serve", |m, s| s.one(&m.stores.up)),
    metric(Counter, "userd_store_calls_total", "calls", &["call", "outcome"],
        "Store calls", |m, mut s| {
        m.stores.calls().try_for_each(|(call, calls)| {
            calls.outcomes.iter().try_for_each(|(outcome, count)| s.labeled([call, outcome], count))
        })
    }),
    metric(Histogram, "userd_store_call_duration_seconds", "seconds", &["call"],
        "Duration of a store call", |m, s| s.each(m.stores.calls().map(|(call, calls)| (call, &calls.duration)))),
    metric(Counter, "userd_store_conflicts_total", "changes", &["kind"],
        "Changes that conflicted with another change or with the remains of a crash",
    |m, s| s.each(m.stores.conflicts.iter())),
    metric(Histogram, "userd_redis_round_trip_duration_seconds", "seconds", &["kind"],
        "Duration of a round trip to Redis", |m, s| s.each(m.stores.round_trips())),
    metric(Counter, "userd_redis_retries_total", "round trips", &["reason"],
        "Round trips to Redis that were retried", |m, s| s.each(m.stores.retries.iter())),
    metric(Counter, "userd_sqlite_reads_total", "look-ups", &[],
        "Look-ups in the database file", |m, s| s.one(&m.stores.sqlite_reads)),
    metric(Histogram, "userd_sqlite_commit_duration_seconds", "seconds", &[],
        "Duration of a commit, fsync included", |m, s| s.one(&m.stores.sqlite_commits)),
    metric(Histogram, "userd_sqlite_commit_changes", "changes", &[],
        "Changes per commit", |m, s| s.one(&m.stores.sqlite_group_sizes)),
    metric(Counter, "userd_sqlite_sessions_swept_total", "sessions", &[],
        "Ended sessions deleted from the database file by the sweep", |m, s| s.one(&m.stores.sqlite_sessions_swept)),
    metric(Counter, "userd_sessions_opened_total", "sessions", &[],
        "Sessions opened", |m, s| s.one(m.events.get(EventKind::SignedIn))),
    metric(Counter, "userd_sessions_ended_total", "operations", &["by"],
        "Operations that ended sessions early, whether one or many",
    |m, s| s.each(ENDING_SESSIONS.map(|kind| (kind.as_str(), m.events.get(kind))))),
    metric(Counter, "userd_sign_ins_failed_total", "sign-ins", &[],
        "Sign-ins with a wrong password or an unknown e-mail", |m, s| s.one(&m.sign_ins_failed)),
    metric(Counter, "userd_rate_limited_total", "attempts", &["limit"],
        "Password attempts rejected by a rate limit (429)", |m, s| s.each(m.rate_limited.iter())),
    metric(Counter, "userd_account_events_total", "events", &["kind"],
        "Account events", |m, s| {
        // An e-mail change counts as a profile change: see `Metrics::events`.
        s.each(m.events.iter().filter(|(kind, _)| *kind != EventKind::EmailChanged.as_str()))
    }),
    metric(Counter, "userd_doctor_runs_total", "runs", &["outcome"],
        "Runs of the background consistency check", |m, s| s.each(m.doctor_runs.iter())),
    metric(Counter, "userd_doctor_findings_total", "findings", &["kind", "state"],
        "Findings of the background consistency check; each run counts unrepaired ones again", |m, mut s| {
        m.findings.iter().try_for_each(|(state, kinds)| {
            kinds.iter().try_for_each(|(kind, count)| s.labeled([kind, state], count))
        })
    }),
    metric(Gauge, "userd_build_info", "1", &["version"],
        "Always 1; the label has the version",
        |_, mut s| s.labeled([env!("CARGO_PKG_VERSION")], &ConstGauge::new(1_i64))),
    metric(Gauge, "process_start_time_seconds", "seconds since 1970", &[],
        "Start time of the process", |m, s| s.one(&ConstGauge::new(m.started_at_s))),
    metric(Gauge, "process_resident_memory_bytes", "bytes", &[],
        "Resident memory (Linux)", |_, s| s.reported(process::resident_bytes().map(ConstGauge::new))),
    metric(Gauge, "process_open_fds", "files", &[],
        "Open files and connections (Linux)", |_, s| s.reported(process::open_files().map(ConstGauge::new))),
    metric(Gauge, "process_max_fds", "files", &[],
        "Limit of open files (Linux)", |_, s| s.reported(process::open_files_max().map(ConstGauge::new))),
    metric(Counter, "process_cpu_seconds_total", "seconds", &[],
        "CPU time used, over all cores (Linux)",
    |_, s| s.reported(process::cpu_seconds().map(ConstCounter::new))),
];

const fn metric(
    kind: MetricKind,
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    samples: SampleFn,
) -> MetricDefinition {
    MetricDefinition { name, kind, unit, labels, help, samples }
}
