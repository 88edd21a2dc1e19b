//! The vectors that every implementation of the rate limit rule has to match. `crates/store/fixtures/gcra_vectors.py`
//! generates them.

use std::sync::LazyLock;

use serde::Deserialize;
use userd_core::RateLimit;

const FILE: &str = include_str!("../../fixtures/gcra_vectors.json");

/// A sequence of steps on one bucket, initially full.
#[derive(Debug, Deserialize)]
pub struct GcraVector {
    pub name: String,
    interval_ms: u64,
    burst: u64,
    pub steps: Vec<GcraStep>,
}

/// One step, and its expected outcome.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum GcraStep {
    Take { at: u64, taken: bool, full_at: u64, remaining: u64, retry_after_ms: u64 },
    Refund { at: u64, full_at: u64 },
    Reset { at: u64 },
}

impl GcraVector {
    pub fn rate(&self) -> RateLimit {
        RateLimit { interval_ms: self.interval_ms, burst: self.burst }
    }

    /// Whether all steps are at one moment, with a refill so slow that a minute makes no difference: for stores that
    /// use their own clock.
    pub fn is_instantaneous(&self) -> bool {
        self.interval_ms >= 3_600_000 && self.steps.iter().all(|step| step.at() == self.steps[0].at())
    }
}

impl GcraStep {
    pub fn at(&self) -> u64 {
        match self {
            Self::Take { at, .. } | Self::Refund { at, .. } | Self::Reset { at } => *at,
        }
    }
}

/// All vectors.
pub fn vectors() -> &'static [GcraVector] {
    static VECTORS: LazyLock<Vec<GcraVector>> = LazyLock::new(|| serde_json::from_str(FILE).expect("vectors"));
    &VECTORS
}

#[test]
fn the_rate_limit_rule_matches_the_vectors() {
    for vector in vectors() {
        let (rate, mut kept) = (vector.rate(), 0);
        for (number, step) in vector.steps.iter().enumerate() {
            match *step {
                GcraStep::Take { at, taken, full_at, remaining, retry_after_ms } => {
                    let decision = rate.take(kept, at);
                    let expected = userd_core::BucketDecision { allowed: taken, full_at, remaining, retry_after_ms };
                    assert_eq!(decision, expected, "{}, step {number}", vector.name);
                    kept = decision.full_at;
                }
                GcraStep::Refund { at, full_at } => {
                    kept = rate.refund(kept, at);
                    assert_eq!(kept, full_at, "{}, step {number}", vector.name);
                }
                GcraStep::Reset { .. } => kept = 0,
            }
        }
    }
}

#[test]
fn there_are_vectors_for_every_kind_of_store() {
    let at_one_moment = vectors().iter().filter(|vector| vector.is_instantaneous()).count();
    assert!(at_one_moment >= 10 && vectors().len() >= 60, "{at_one_moment} of {}", vectors().len());
    let denied = |step: &GcraStep| matches!(step, GcraStep::Take { taken: false, .. });
    assert!(vectors().iter().filter(|vector| vector.is_instantaneous()).all(|vector| vector.steps.iter().any(denied)));
}
