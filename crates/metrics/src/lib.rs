//! What a running userd counts and measures, for `GET /metrics`.
//!
//! A base layer: it knows the crate that writes the format and nothing of userd. Whoever counts gets a
//! [`Metrics`] handed in; the default one is as good and is shown to nobody. Nothing here is global.
//!
//! Recording takes no lock and allocates nothing: it is one or two additions to numbers that are there already.
//! The library's own types have a lock each; that is why only its encoder is used.
//!
//! No label ever holds anything that a person wrote: each label's values are fixed when userd starts.
//!
//! | module | what it is |
//! |---|---|
//! | `table` | every metric with its name, unit, labels and help: what is shown, and what documents are held to |
//! | `instruments` | counters, levels, histograms |
//! | `requests` | what was asked over HTTP |
//! | `hashes` | the gate in front of the password hash |
//! | `stores` | calls of the store, round trips, commits |
//! | `process` | what the system says of this process |
//! | `exposition` | from numbers to lines |
//!
//! # How to add a metric
//! A field in the struct of its kind, a row in `table::METRICS`, a row in `docs/METRICS.md`; a test holds the two equal.

mod exposition;
mod hashes;
mod instruments;
mod process;
mod requests;
mod stores;
mod table;

use std::sync::Arc;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

pub use self::hashes::HashMetrics;
pub use self::instruments::{AtomicCounter, AtomicGauge, Histogram, LabeledCounter};
pub use self::requests::HttpMetrics;
pub use self::stores::{RedisRoundTrip, StoreCall, StoreCallOutcome, StoreMetrics};
pub use self::table::{METRICS, MetricDefinition, MetricKind};

use self::exposition::MetricsCollector;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// How much room the text gets at first, in bytes: that of a userd that has answered on most routes.
const TEXT_BYTES_USUAL: usize = 64 * 1024;

/// What can happen to an account, as `userd_account_events_total` has it; another e-mail is a changed profile.
const EVENTS: &[&str] = &[
    "signed-up",
    "signed-in",
    "sign-in-failed",
    "signed-out",
    "session-revoked",
    "sessions-revoked",
    "refresh-reused",
    "profile-changed",
    "password-changed",
    "disabled",
    "enabled",
    "password-expired",
    "imported",
    "deleted",
    "other",
];

/// Which of [`EVENTS`] end sessions.
const ENDS_SESSIONS: &[&str] = &[
    "signed-out",
    "session-revoked",
    "sessions-revoked",
    "refresh-reused",
    "password-changed",
    "disabled",
    "password-expired",
    "deleted",
];

/// The limits on wrong passwords.
const LIMITS: &[&str] = &["account", "account-and-address", "device", "address", "global", "other"];

/// What the doctor finds.
const FINDINGS: &[&str] = &[
    "missing-claim",
    "duplicate-email",
    "orphaned-claim",
    "overdue-intent",
    "unreleased-claim",
    "missing-listing",
    "stale-listing",
    "orphaned-session",
    "count-mismatch",
    "canonical-mismatch",
    "unreadable",
    "unknown-key",
    "damaged-file",
    "other",
];

/// What can be done about a finding.
const FINDING_STATES: [&str; 3] = ["repaired", "repairable", "manual"];

/// How a pass of the doctor ends.
const DOCTOR_OUTCOMES: &[&str] = &["done", "aborted", "other"];

/// Everything that is counted and measured.
#[derive(Debug)]
pub struct Metrics {
    /// When the process began, in milliseconds since 1970.
    started_at_ms: u64,
    /// What was asked over HTTP.
    pub requests: HttpMetrics,
    /// The gate in front of the password hash.
    pub hashes: HashMetrics,
    /// The store.
    pub stores: StoreMetrics,
    /// What happened to accounts, by its word.
    pub events: LabeledCounter,
    /// Wrong passwords at sign-in, also for nobody's e-mail.
    pub sign_ins_failed: AtomicCounter,
    /// Tries of passwords that met a limit, by its name.
    pub rate_limited: LabeledCounter,
    /// Passes of the background doctor, by how they ended.
    pub doctor_runs: LabeledCounter,
    /// Its findings: of each state, by kind.
    findings: [LabeledCounter; FINDING_STATES.len()],
}

impl Metrics {
    /// All zero, of a process that began `started_at_ms` after 1970.
    #[must_use]
    pub fn new(started_at_ms: u64) -> Self {
        Self {
            started_at_ms,
            requests: HttpMetrics::default(),
            hashes: HashMetrics::default(),
            stores: StoreMetrics::default(),
            events: LabeledCounter::of(EVENTS),
            sign_ins_failed: AtomicCounter::default(),
            rate_limited: LabeledCounter::of(LIMITS),
            doctor_runs: LabeledCounter::of(DOCTOR_OUTCOMES),
            findings: FINDING_STATES.map(|_| LabeledCounter::of(FINDINGS)),
        }
    }

    /// The background doctor has found something of this kind, and this can be done about it.
    pub fn record_finding(&self, kind: &str, state: &str) {
        if let Some(place) = FINDING_STATES.iter().position(|known| *known == state) {
            self.findings[place].add_one(kind);
        }
    }

    /// Everything as text, in Prometheus's format 0.0.4.
    #[must_use]
    pub fn text(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(MetricsCollector(Arc::clone(self))));
        let mut text = String::with_capacity(TEXT_BYTES_USUAL);
        // A String takes everything, and the encoder itself refuses only kinds of histograms that are none of ours.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(0)
    }
}
