//! Every metric there is, in the order in which they are shown. A name is for ever: dashboards and alerts of others
//! hang on it. `docs/METRICS.md` has the same rows; a test holds them equal.

use std::fmt;

use super::exposition::SampleWriter;
use super::{ENDS_SESSIONS, FINDING_STATES, Metrics, process};

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from 0 at the start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many values were how large.
    Histogram,
}

impl MetricKind {
    /// The word for it, as the format has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct MetricDefinition {
    /// Its whole name, with the unit at the end.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: MetricKind,
    /// The unit, in the plural.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
    /// Where its numbers are.
    lines: fn(&Metrics, &mut SampleWriter<'_>) -> fmt::Result,
}

impl MetricDefinition {
    pub(super) fn write(&self, metrics: &Metrics, samples: &mut SampleWriter<'_>) -> fmt::Result {
        (self.lines)(metrics, samples)
    }
}

macro_rules! row {
    ($kind:ident $name:literal, $unit:literal, [$($label:literal),*], $help:literal, $lines:expr) => {
        MetricDefinition { name: $name, kind: MetricKind::$kind, unit: $unit, labels: &[$($label),*], help: $help, lines: $lines }
    };
}

/// Every metric.
pub const METRICS: [MetricDefinition; 30] = [
    row!(Counter "userd_http_requests_total", "requests", ["route", "method", "status"],
    "Requests answered", |metrics, samples| {
        metrics.requests.each().into_iter().try_for_each(|(route, method, series)| {
            series.statuses().try_for_each(|(status, count)| samples.count(&[route, method, status], count))
        })
    }),
    row!(Histogram "userd_http_request_duration_seconds", "seconds", ["route", "method"],
    "Duration of a request, from its header to the start of its answer", |metrics, samples| {
        metrics.requests.each().into_iter()
            .try_for_each(|(route, method, series)| samples.histogram(&[route, method], &series.duration))
    }),
    row!(Gauge "userd_http_requests_in_flight", "requests", [],
        "Requests in flight, this one included",
        |metrics, samples| samples.gauge(&[], metrics.requests.in_flight.get())),
    row!(Gauge "userd_hashes_in_flight", "hashes", [],
        "Hash threads that are busy",
        |metrics, samples| samples.gauge(&[], metrics.hashes.in_flight.get())),
    row!(Gauge "userd_hashes_queued", "requests", [],
        "Requests waiting for a hash thread",
        |metrics, samples| samples.gauge(&[], metrics.hashes.queued.get())),
    row!(Counter "userd_hashes_rejected_total", "requests", ["reason"],
        "Requests rejected with 503 because no hash thread was free",
        |metrics, samples| samples.counts(&metrics.hashes.rejected)),
    row!(Counter "userd_hashes_done_total", "hashes", [],
        "Passwords hashed or verified",
        |metrics, samples| samples.count(&[], metrics.hashes.duration.count())),
    row!(Histogram "userd_hash_duration_seconds", "seconds", [],
        "Duration of hashing or verifying a password, without the wait for a thread",
        |metrics, samples| samples.histogram(&[], &metrics.hashes.duration)),
    row!(Gauge "userd_store_up", "1 or 0", [],
        "Whether the store can serve",
        |metrics, samples| samples.gauge(&[], metrics.stores.up.get())),
    row!(Counter "userd_store_calls_total", "calls", ["call", "outcome"],
    "Store calls", |metrics, samples| {
        metrics.stores.calls().try_for_each(|(call, calls)| {
            calls.outcomes().try_for_each(|(outcome, count)| samples.count(&[call, outcome], count))
        })
    }),
    row!(Histogram "userd_store_call_duration_seconds", "seconds", ["call"],
        "Duration of a store call",
        |metrics, samples| metrics.stores.calls().try_for_each(|(call, calls)| samples.histogram(&[call], &calls.duration))),
    row!(Counter "userd_store_conflicts_total", "changes", ["kind"],
        "Changes that conflicted with another change or with the remains of a crash",
        |metrics, samples| samples.counts(&metrics.stores.conflicts)),
    row!(Histogram "userd_redis_round_trip_duration_seconds", "seconds", ["kind"],
        "Duration of a round trip to Redis",
        |metrics, samples| metrics.stores.round_trips().try_for_each(|(kind, round_trips)| samples.histogram(&[kind], round_trips))),
    row!(Counter "userd_redis_retries_total", "round trips", ["reason"],
        "Round trips to Redis that were retried",
        |metrics, samples| samples.counts(&metrics.stores.retries)),
    row!(Counter "userd_sqlite_reads_total", "look-ups", [],
        "Look-ups in the database file",
        |metrics, samples| samples.count(&[], metrics.stores.sqlite_reads.get())),
    row!(Histogram "userd_sqlite_commit_duration_seconds", "seconds", [],
        "Duration of a commit, fsync included",
        |metrics, samples| samples.histogram(&[], &metrics.stores.sqlite_commits)),
    row!(Histogram "userd_sqlite_commit_changes", "changes", [],
        "Changes per commit",
        |metrics, samples| samples.histogram(&[], &metrics.stores.sqlite_group_sizes)),
    row!(Counter "userd_sessions_opened_total", "sessions", [],
        "Sessions opened",
        |metrics, samples| samples.count(&[], metrics.events.get("signed-in"))),
    row!(Counter "userd_sessions_ended_total", "operations", ["by"],
    "Operations that ended sessions early, whether one or many", |metrics, samples| {
        ENDS_SESSIONS.iter().try_for_each(|by| samples.count(&[by], metrics.events.get(by)))
    }),
    row!(Counter "userd_sign_ins_failed_total", "sign-ins", [],
        "Sign-ins with a wrong password or an unknown e-mail",
        |metrics, samples| samples.count(&[], metrics.sign_ins_failed.get())),
    row!(Counter "userd_rate_limited_total", "attempts", ["limit"],
        "Password attempts rejected by a rate limit (429)",
        |metrics, samples| samples.counts(&metrics.rate_limited)),
    row!(Counter "userd_account_events_total", "events", ["kind"],
        "Account events",
        |metrics, samples| samples.counts(&metrics.events)),
    row!(Counter "userd_doctor_runs_total", "runs", ["end"],
        "Runs of the background consistency check",
        |metrics, samples| samples.counts(&metrics.doctor_runs)),
    row!(Counter "userd_doctor_findings_total", "findings", ["kind", "state"],
    "Findings of the background consistency check; each run counts unrepaired ones again", |metrics, samples| {
        FINDING_STATES.iter().zip(&metrics.findings).try_for_each(|(state, kinds)| {
            kinds.each().try_for_each(|(kind, count)| samples.count(&[kind, state], count))
        })
    }),
    row!(Gauge "userd_build_info", "1", ["version"],
        "Always 1; the label has the version",
        |_, samples| samples.gauge(&[env!("CARGO_PKG_VERSION")], 1)),
    row!(Gauge "process_start_time_seconds", "seconds since 1970", [],
    "Start time of the process", |metrics, samples| {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of some centuries fit")]
        samples.gauge_f64(metrics.started_at_ms as f64 / 1000.0)
    }),
    row!(Gauge "process_resident_memory_bytes", "bytes", [],
        "Resident memory (Linux)",
        |_, samples| process::resident_bytes().map_or(Ok(()), |bytes| samples.gauge(&[], bytes))),
    row!(Gauge "process_open_fds", "files", [],
        "Open files and connections (Linux)",
        |_, samples| process::open_files().map_or(Ok(()), |open| samples.gauge(&[], open))),
    row!(Gauge "process_max_fds", "files", [],
        "Limit of open files (Linux)",
        |_, samples| process::open_files_max().map_or(Ok(()), |most| samples.gauge(&[], most))),
    row!(Counter "process_cpu_seconds_total", "seconds", [],
        "CPU time used, over all cores (Linux)",
        |_, samples| process::cpu_seconds().map_or(Ok(()), |seconds| samples.count_f64(seconds))),
];
