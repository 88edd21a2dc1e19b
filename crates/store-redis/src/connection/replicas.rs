//! How many replicas have to confirm a change before it is acknowledged. Numbers only: who counts them is
//! `connect` (a primary's own word) or `cluster` (the cluster's).
//!
//! "Every replica" can't mean "every one that is connected now": in a planned failover the replica that is about
//! to become the primary leaves the old one, which then still takes writes, and those would be lost. So the number
//! falls only when it has been lower for a while. In a cluster a replica counts until the majority of primaries
//! says that it has failed, which a cut-off primary can't say alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long replicas have to be away before nobody waits for them any more. A planned failover moves its replicas
/// and is announced by Sentinel within a second or two, and the connection is given up then.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// The number of replicas that have to confirm.
pub(super) struct RequiredReplicas {
    min: usize,
    state: Mutex<ReplicaState>,
}

#[derive(Default)]
struct ReplicaState {
    /// How many followed, and are not known to stay away.
    expected: usize,
    /// How many do at the moment.
    connected: usize,
    /// Since when fewer are there, and how many at most since then.
    fewer: Option<(Instant, usize)>,
    /// How many Sentinels know to be well.
    watched: usize,
}

impl RequiredReplicas {
    /// Never fewer than `min`.
    pub(super) fn at_least(min: usize) -> Self {
        Self { min, state: Mutex::default() }
    }

    /// How many have to confirm.
    pub(super) fn required(&self) -> usize {
        let state = self.lock();
        state.expected.max(state.watched).max(self.min)
    }

    /// Fewer are there than have to confirm, and it is not yet known that they stay away.
    pub(super) fn is_degraded(&self) -> bool {
        let state = self.lock();
        state.connected < state.expected.max(state.watched)
    }

    /// The primary says that so many are connected.
    pub(super) fn note_connected(&self, connected: usize, now: Instant) {
        let mut state = self.lock();
        state.connected = connected;
        if connected >= state.expected {
            (state.expected, state.fewer) = (connected, None);
            return;
        }
        let (since, most) = state.fewer.map_or((now, connected), |(since, most)| (since, most.max(connected)));
        if now.duration_since(since) < GONE_AFTER {
            state.fewer = Some((since, most));
        } else {
            (state.expected, state.fewer) = (most, None);
        }
    }

    /// The primary says that so many are connected, at a moment when only more than before are news.
    pub(super) fn note_increase(&self, connected: usize) {
        let mut state = self.lock();
        if connected > state.expected {
            (state.expected, state.connected, state.fewer) = (connected, connected, None);
        }
    }

    /// Sentinels say that so many are well. A userd that starts while one replica is being made primary finds one less
    /// at the old primary, and has no earlier number to hold against that.
    pub(super) fn note_sentinel_count(&self, well: usize) {
        self.lock().watched = well;
    }

    /// A majority says that so many are well.
    pub(super) fn note_cluster_count(&self, well: usize) {
        *self.lock() = ReplicaState { expected: well, connected: well, fewer: None, watched: 0 };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ReplicaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_rises_at_once_and_falls_only_after_a_while() {
        let (replicas, start) = (RequiredReplicas::at_least(1), Instant::now());
        assert_eq!(replicas.required(), 1);
        replicas.note_connected(2, start);
        assert_eq!(replicas.required(), 2);
        replicas.note_connected(0, start);
        assert!(replicas.is_degraded());
        replicas.note_connected(1, start + GONE_AFTER / 2);
        assert_eq!(replicas.required(), 2);
        replicas.note_connected(0, start + GONE_AFTER);
        // One of two has stayed away; the other has just gone.
        assert_eq!((replicas.required(), replicas.is_degraded()), (1, true));
    }

    #[test]
    fn a_replica_that_comes_back_in_time_was_never_gone() {
        let (replicas, start) = (RequiredReplicas::at_least(0), Instant::now());
        replicas.note_connected(2, start);
        replicas.note_connected(1, start);
        replicas.note_connected(2, start + GONE_AFTER / 2);
        replicas.note_connected(1, start + GONE_AFTER);
        assert_eq!(replicas.required(), 2);
    }

    #[test]
    fn those_whom_sentinels_know_to_be_well_count_though_the_primary_has_lost_sight_of_them() {
        let (replicas, start) = (RequiredReplicas::at_least(1), Instant::now());
        replicas.note_sentinel_count(2);
        replicas.note_connected(1, start);
        replicas.note_connected(1, start + GONE_AFTER);
        assert_eq!((replicas.required(), replicas.is_degraded()), (2, true));
        replicas.note_sentinel_count(1);
        assert_eq!((replicas.required(), replicas.is_degraded()), (1, false));
    }

    #[test]
    fn what_a_majority_says_holds_at_once_and_the_least_number_always() {
        let replicas = RequiredReplicas::at_least(1);
        replicas.note_cluster_count(2);
        assert_eq!(replicas.required(), 2);
        replicas.note_cluster_count(0);
        assert_eq!(replicas.required(), 1);
    }
}
