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
pub(super) struct Replicas {
    least: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many followed, and are not known to stay away.
    followed: usize,
    /// How many do at the moment.
    connected: usize,
    /// Since when fewer are there, and how many at most since then.
    fewer: Option<(Instant, usize)>,
    /// How many Sentinels know to be well.
    watched: usize,
}

impl Replicas {
    /// Never fewer than `least`.
    pub(super) fn at_least(least: usize) -> Self {
        Self { least, state: Mutex::default() }
    }

    /// How many have to confirm.
    pub(super) fn required(&self) -> usize {
        let state = self.lock();
        state.followed.max(state.watched).max(self.least)
    }

    /// Fewer are there than have to confirm, and it is not yet known that they stay away.
    pub(super) fn are_fewer(&self) -> bool {
        let state = self.lock();
        state.connected < state.followed.max(state.watched)
    }

    /// The primary says that so many are connected.
    pub(super) fn note_connected(&self, connected: usize, now: Instant) {
        let mut state = self.lock();
        state.connected = connected;
        if connected >= state.followed {
            (state.followed, state.fewer) = (connected, None);
            return;
        }
        let (since, most) = state.fewer.map_or((now, connected), |(since, most)| (since, most.max(connected)));
        if now.duration_since(since) < GONE_AFTER {
            state.fewer = Some((since, most));
        } else {
            (state.followed, state.fewer) = (most, None);
        }
    }

    /// The primary says that so many are connected, at a moment when only more than before are news.
    pub(super) fn note_risen(&self, connected: usize) {
        let mut state = self.lock();
        if connected > state.followed {
            (state.followed, state.connected, state.fewer) = (connected, connected, None);
        }
    }

    /// Sentinels say that so many are well. A userd that starts while one replica is being made primary finds one less
    /// at the old primary, and has no earlier number to hold against that.
    pub(super) fn note_watched(&self, well: usize) {
        self.lock().watched = well;
    }

    /// A majority says that so many are well.
    pub(super) fn note_agreed(&self, well: usize) {
        *self.lock() = State { followed: well, connected: well, fewer: None, watched: 0 };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_rises_at_once_and_falls_only_after_a_while() {
        let (replicas, start) = (Replicas::at_least(1), Instant::now());
        assert_eq!(replicas.required(), 1);
        replicas.note_connected(2, start);
        assert_eq!(replicas.required(), 2);
        replicas.note_connected(0, start);
        assert!(replicas.are_fewer());
        replicas.note_connected(1, start + GONE_AFTER / 2);
        assert_eq!(replicas.required(), 2);
        replicas.note_connected(0, start + GONE_AFTER);
        // One of two has stayed away; the other has just gone.
        assert_eq!((replicas.required(), replicas.are_fewer()), (1, true));
    }

    #[test]
    fn a_replica_that_comes_back_in_time_was_never_gone() {
        let (replicas, start) = (Replicas::at_least(0), Instant::now());
        replicas.note_connected(2, start);
        replicas.note_connected(1, start);
        replicas.note_connected(2, start + GONE_AFTER / 2);
        replicas.note_connected(1, start + GONE_AFTER);
        assert_eq!(replicas.required(), 2);
    }

    #[test]
    fn those_whom_sentinels_know_to_be_well_count_though_the_primary_has_lost_sight_of_them() {
        let (replicas, start) = (Replicas::at_least(1), Instant::now());
        replicas.note_watched(2);
        replicas.note_connected(1, start);
        replicas.note_connected(1, start + GONE_AFTER);
        assert_eq!((replicas.required(), replicas.are_fewer()), (2, true));
        replicas.note_watched(1);
        assert_eq!((replicas.required(), replicas.are_fewer()), (1, false));
    }

    #[test]
    fn what_a_majority_says_holds_at_once_and_the_least_number_always() {
        let replicas = Replicas::at_least(1);
        replicas.note_agreed(2);
        assert_eq!(replicas.required(), 2);
        replicas.note_agreed(0);
        assert_eq!(replicas.required(), 1);
    }
}
