//! Records calls and answers. Cheap, so that it does not serialise the clients.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{CallOutcome, HistoryCall, HistoryEntry, HistoryTime};

/// A history in progress.
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

    /// Records a call that was made at `called` and has its outcome now.
    pub fn note(&self, client: usize, call: HistoryCall, called: HistoryTime, outcome: CallOutcome) {
        let answered = self.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(HistoryEntry { client, call, called, answered, outcome });
    }

    /// All entries so far, in the order of the calls.
    pub fn entries(&self) -> Vec<HistoryEntry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.sort_by_key(|entry| entry.called);
        entries
    }
}
