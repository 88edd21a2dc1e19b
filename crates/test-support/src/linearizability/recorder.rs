//! Writes down what clients ask and are told. Cheap enough to stand in the way of nobody's request.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{CallOutcome, HistoryCall, HistoryEntry, HistoryTime};

/// A history that is being written.
pub struct HistoryRecorder {
    began: Instant,
    entries: Mutex<Vec<HistoryEntry>>,
}

impl HistoryRecorder {
    /// An empty history that begins now.
    pub fn start() -> Self {
        Self { began: Instant::now(), entries: Mutex::new(Vec::new()) }
    }

    /// The time since it began.
    pub fn now(&self) -> HistoryTime {
        self.began.elapsed()
    }

    /// Writes down a call that was made at `called` and whose outcome is known just now.
    pub fn note(&self, client: usize, call: HistoryCall, called: HistoryTime, outcome: CallOutcome) {
        let answered = self.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(HistoryEntry { client, call, called, answered, outcome });
    }

    /// All that was written down so far, in the order of the calls.
    pub fn entries(&self) -> Vec<HistoryEntry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.sort_by_key(|entry| entry.called);
        entries
    }
}
