//! What a storm's history says in numbers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::clients::Shared;
use crate::history::{Entry, Moment, Outcome};

#[derive(Debug, Default)]
pub struct Figures {
    pub calls: usize,
    /// Writes that were answered as done.
    pub acknowledged: usize,
    pub taken: usize,
    /// Calls of which nobody knows what became of them.
    pub unknown: usize,
    /// Of these, answered 503.
    pub refused: usize,
    /// Of these, without an answer.
    pub broken: usize,
    /// The longest time in which no write was answered with anything but a 503.
    pub write_gap: Duration,
    /// The same of reads.
    pub read_gap: Duration,
}

impl Figures {
    /// Counts the calls of the storm itself, which was over at `over`.
    pub fn of(entries: &[Entry], shared: &Shared, over: Moment) -> Self {
        let count = |fits: fn(&Entry) -> bool| entries.iter().filter(|entry| fits(entry)).count();
        Self {
            calls: entries.len(),
            acknowledged: count(|entry| {
                entry.call.is_write() && matches!(entry.outcome, Outcome::User(_) | Outcome::Done)
            }),
            taken: count(|entry| entry.outcome == Outcome::Taken),
            unknown: count(|entry| entry.outcome == Outcome::Unknown),
            refused: shared.refused.load(Ordering::Relaxed),
            broken: shared.broken.load(Ordering::Relaxed),
            write_gap: longest_gap(entries, true, over),
            read_gap: longest_gap(entries, false, over),
        }
    }
}

fn longest_gap(entries: &[Entry], writes: bool, over: Moment) -> Duration {
    let served = entries.iter().filter(|entry| entry.call.is_write() == writes && entry.outcome != Outcome::Unknown);
    let mut moments: Vec<Moment> = served.map(|entry| entry.answered).collect();
    moments.push(over);
    moments.sort_unstable();
    let mut last = Moment::ZERO;
    let gaps = moments.into_iter().map(|moment| moment.saturating_sub(std::mem::replace(&mut last, moment)));
    gaps.max().unwrap_or_default()
}
