//! All metrics of a process, by the part of the program that records them.

use std::time::Duration;

use userd_core::{EventKind, FindingKind, FindingState, RateLimitName};

use crate::instruments::{Counter, GROUP_SIZE_BOUNDS, Gauge, Histogram, STORE_BOUNDS_US};
use crate::labels::{
    DoctorOutcome, EnumFamily, HashRejection, RedisRetry, RedisRoundTrip, StoreCall, StoreCallOutcome, StoreConflict,
};
use crate::requests::HttpMetrics;

/// Everything that is counted and measured.
#[derive(Debug, Default)]
pub struct Metrics {
    /// When the process started, in seconds since 1970.
    pub(crate) started_at_s: f64,
    /// HTTP requests.
    pub requests: HttpMetrics,
    /// The hash pool.
    pub hashes: HashMetrics,
    /// The store.
    pub stores: StoreMetrics,
    /// Account events. A changed e-mail counts as a changed profile: the store's answer does not tell them apart.
    pub events: EnumFamily<EventKind, Counter>,
    /// Wrong passwords at sign-in, unknown e-mails included.
    pub sign_ins_failed: Counter,
    /// Password attempts rejected, by the limit.
    pub rate_limited: EnumFamily<RateLimitName, Counter>,
    /// Runs of the background consistency check.
    pub doctor_runs: EnumFamily<DoctorOutcome, Counter>,
    /// Findings of the background consistency check, of each state by kind.
    pub findings: EnumFamily<FindingState, EnumFamily<FindingKind, Counter>>,
}

impl Metrics {
    /// All zero, for a process that started `started_at_ms` after 1970.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of some centuries fit")]
    pub fn new(started_at_ms: u64) -> Self {
        Self { started_at_s: started_at_ms as f64 / 1000.0, ..Self::default() }
    }
}

/// The hash pool.
#[derive(Debug, Default)]
pub struct HashMetrics {
    /// Threads that are busy.
    pub in_flight: Gauge,
    /// Requests in the queue, abandoned ones included.
    pub queued: Gauge,
    /// Requests that got no thread.
    pub rejected: EnumFamily<HashRejection, Counter>,
    /// Duration of the work, without the wait.
    pub duration: Histogram,
}

/// The calls of the store contract, and what each implementation does for them.
#[derive(Debug)]
pub struct StoreMetrics {
    calls: EnumFamily<StoreCall, StoreCallMetrics>,
    /// Whether the store can serve: 1 or 0; set at each scrape.
    pub up: Gauge,
    /// Changes that conflicted.
    pub conflicts: EnumFamily<StoreConflict, Counter>,
    round_trips: EnumFamily<RedisRoundTrip, Histogram>,
    /// Requests to Redis that were sent again.
    pub retries: EnumFamily<RedisRetry, Counter>,
    /// Look-ups in the SQLite file.
    pub sqlite_reads: Counter,
    /// Duration of SQLite commits, fsync included.
    pub sqlite_commits: Histogram,
    /// Changes per commit.
    pub sqlite_group_sizes: Histogram,
    /// Ended sessions that the sweep deleted from the SQLite file.
    pub sqlite_sessions_swept: Counter,
}

/// One call of the contract.
#[derive(Debug)]
pub(crate) struct StoreCallMetrics {
    pub(crate) outcomes: EnumFamily<StoreCallOutcome, Counter>,
    pub(crate) duration: Histogram,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        let duration = || Histogram::of_durations(STORE_BOUNDS_US);
        Self {
            calls: EnumFamily::new(|| StoreCallMetrics { outcomes: EnumFamily::default(), duration: duration() }),
            up: Gauge::default(),
            conflicts: EnumFamily::default(),
            round_trips: EnumFamily::new(duration),
            retries: EnumFamily::default(),
            sqlite_reads: Counter::default(),
            sqlite_commits: duration(),
            sqlite_group_sizes: Histogram::of_sizes(GROUP_SIZE_BOUNDS),
            sqlite_sessions_swept: Counter::default(),
        }
    }
}

impl StoreMetrics {
    /// Counts a call of the contract that ended.
    pub fn record_call(&self, call: StoreCall, outcome: StoreCallOutcome, duration: Duration) {
        let calls = self.calls.get(call);
        calls.outcomes.inc(outcome);
        calls.duration.observe_duration(duration);
    }

    /// Counts a round trip to Redis, answered or not.
    pub fn record_round_trip(&self, trip: RedisRoundTrip, duration: Duration) {
        self.round_trips.get(trip).observe_duration(duration);
    }

    /// Each call that was ever made.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&'static str, &StoreCallMetrics)> {
        self.calls.iter().filter(|(_, calls)| calls.duration.count() > 0)
    }

    /// Each kind of round trip that was ever made.
    pub(crate) fn round_trips(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.round_trips.iter().filter(|(_, round_trips)| round_trips.count() > 0)
    }
}
