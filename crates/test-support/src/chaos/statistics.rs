//! The figures of a storm's history.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::clients::ChaosContext;
use crate::linearizability::{CallOutcome, HistoryEntry, HistoryTime};

#[derive(Debug, Default)]
pub struct ChaosStatistics {
    pub calls: usize,
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    pub taken: usize,
    /// Calls with an unknown outcome.
    pub unknown: usize,
    /// Of these, answered 503.
    pub refused: usize,
    /// Of these, without an answer.
    pub broken: usize,
    /// The longest time without a conclusive answer to a write.
    pub write_gap: Duration,
    /// The same for reads.
    pub read_gap: Duration,
}

impl ChaosStatistics {
    /// Counts the calls of the storm itself, which ended at `over`.
    pub fn of(entries: &[HistoryEntry], shared: &ChaosContext, over: HistoryTime) -> Self {
        let count = |fits: fn(&HistoryEntry) -> bool| entries.iter().filter(|entry| fits(entry)).count();
        Self {
            calls: entries.len(),
            acknowledged: count(|entry| {
                entry.call.is_write() && matches!(entry.outcome, CallOutcome::User(_) | CallOutcome::Done)
            }),
            taken: count(|entry| entry.outcome == CallOutcome::Taken),
            unknown: count(|entry| entry.outcome == CallOutcome::Unknown),
            refused: shared.refused.load(Ordering::Relaxed),
            broken: shared.broken.load(Ordering::Relaxed),
            write_gap: longest_gap(entries, true, over),
            read_gap: longest_gap(entries, false, over),
        }
    }
}

fn longest_gap(entries: &[HistoryEntry], writes: bool, over: HistoryTime) -> Duration {
    let served =
        entries.iter().filter(|entry| entry.call.is_write() == writes && entry.outcome != CallOutcome::Unknown);
    let mut moments: Vec<HistoryTime> = served.map(|entry| entry.answered).collect();
    moments.push(over);
    moments.sort_unstable();
    let mut last = HistoryTime::ZERO;
    let gaps = moments.into_iter().map(|moment| moment.saturating_sub(std::mem::replace(&mut last, moment)));
    gaps.max().unwrap_or_default()
}
