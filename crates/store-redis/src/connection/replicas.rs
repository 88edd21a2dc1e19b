//! How many replicas have to acknowledge a change. Numbers only: `inspect` (by the primary's own count) and `cluster`
//! (by the cluster's) supply them.
//!
//! "Every replica" cannot mean "every one that is connected now": in a planned failover the replica that is about to
//! become the primary disconnects from the old one, which still takes writes then, and those would be lost. So the
//! number falls only after it has been lower for a while. In a cluster a replica counts until the majority of
//! primaries says that it has failed, which an isolated primary cannot decide alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::layout::Shard;

/// How long replicas have to be missing before they are no longer waited for. A planned failover moves its replicas and
/// is announced by Sentinel within a second or two, and userd leaves the old primary then.
const GONE_AFTER: Duration = Duration::from_secs(5);

#[derive(Default)]
struct ReplicaState {
    /// How many were connected, less those that have been missing for long.
    expected: usize,
    /// How many are connected at the moment.
    connected: usize,
    /// Since when fewer are connected, and the most that were connected since then.
    fewer: Option<(Instant, usize)>,
    /// How many are healthy by the Sentinels' count.
    by_sentinels: usize,
}

/// What the acknowledgement waiter and the supervisor of a server share: the number of replicas to wait for, the shard
/// that holds the barrier key, and the signal to count the replicas again. Knows no connection.
///
/// The waiter must see a new number before it acknowledges anything, so this is shared state and not a message.
pub(super) struct ReplicaView {
    min: usize,
    state: Mutex<ReplicaState>,
    /// Notified when the number of replicas has to be looked up again.
    pub(super) recheck: Notify,
    shards: ArcSwap<Vec<Shard>>,
    home_shard: AtomicU64,
}

impl ReplicaView {
    /// Never fewer than `replicas_min` replicas; the server holds the keys of `home_shard`.
    pub(super) fn new(replicas_min: usize, home_shard: Shard) -> Self {
        Self {
            min: replicas_min,
            state: Mutex::default(),
            recheck: Notify::new(),
            shards: ArcSwap::default(),
            home_shard: AtomicU64::new(u64::from(home_shard.number())),
        }
    }

    /// How many have to acknowledge.
    pub(super) fn required(&self) -> usize {
        let state = self.lock();
        state.expected.max(state.by_sentinels).max(self.min)
    }

    /// Whether fewer are connected than have to acknowledge, and the missing ones still count.
    pub(super) fn is_degraded(&self) -> bool {
        let state = self.lock();
        state.connected < state.expected.max(state.by_sentinels)
    }

    /// Records how many replicas the primary says are connected.
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

    /// The same in the middle of a barrier, where only a higher number counts.
    pub(super) fn note_increase(&self, connected: usize) {
        let mut state = self.lock();
        if connected > state.expected {
            (state.expected, state.connected, state.fewer) = (connected, connected, None);
        }
    }

    /// Records how many replicas are healthy by the Sentinels' count. A userd that starts while a replica is being
    /// promoted finds one less at the old primary, and has no earlier number to compare with.
    pub(super) fn note_sentinel_count(&self, healthy: usize) {
        self.lock().by_sentinels = healthy;
    }

    /// Records how many replicas are healthy by the count of a cluster's majority.
    pub(super) fn note_cluster_count(&self, healthy: usize) {
        *self.lock() = ReplicaState { expected: healthy, connected: healthy, fewer: None, by_sentinels: 0 };
    }

    /// A shard whose keys the server holds: userd's own keys (barrier, self-test) are put there.
    pub(super) fn home_shard(&self) -> Shard {
        Shard::from_number(self.home_shard.load(Ordering::Relaxed))
    }

    /// Sets the shards whose keys the server holds.
    pub(super) fn set_shards(&self, shards: Vec<Shard>) {
        if let Some(first) = shards.first().filter(|_| !shards.contains(&self.home_shard())) {
            self.home_shard.store(u64::from(first.number()), Ordering::Relaxed);
        }
        self.shards.store(Arc::new(shards));
    }

    /// Takes another shard of the server as its home shard, because the slot of the present one may be moving.
    pub(super) fn next_home_shard(&self) {
        let (shards, home_shard) = (self.shards.load(), self.home_shard());
        let after = shards.iter().position(|shard| *shard == home_shard).map_or(0, |index| index + 1);
        if let Some(next) = shards.get(after).or_else(|| shards.first()) {
            self.home_shard.store(u64::from(next.number()), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ReplicaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_rises_at_once_and_falls_only_after_a_while() {
        let (replicas, start) = (ReplicaView::new(1, Shard::FIRST), Instant::now());
        assert_eq!(replicas.required(), 1);
        replicas.note_connected(2, start);
        assert_eq!(replicas.required(), 2);
        replicas.note_connected(0, start);
        assert!(replicas.is_degraded());
        replicas.note_connected(1, start + GONE_AFTER / 2);
        assert_eq!(replicas.required(), 2);
        replicas.note_connected(0, start + GONE_AFTER);
        // One of two has been missing for long; the other has just disconnected.
        assert_eq!((replicas.required(), replicas.is_degraded()), (1, true));
    }

    #[test]
    fn a_replica_that_reconnects_in_time_still_counts() {
        let (replicas, start) = (ReplicaView::new(0, Shard::FIRST), Instant::now());
        replicas.note_connected(2, start);
        replicas.note_connected(1, start);
        replicas.note_connected(2, start + GONE_AFTER / 2);
        replicas.note_connected(1, start + GONE_AFTER);
        assert_eq!(replicas.required(), 2);
    }

    #[test]
    fn healthy_replicas_by_the_sentinels_count_even_if_the_primary_does_not_list_them() {
        let (replicas, start) = (ReplicaView::new(1, Shard::FIRST), Instant::now());
        replicas.note_sentinel_count(2);
        replicas.note_connected(1, start);
        replicas.note_connected(1, start + GONE_AFTER);
        assert_eq!((replicas.required(), replicas.is_degraded()), (2, true));
        replicas.note_sentinel_count(1);
        assert_eq!((replicas.required(), replicas.is_degraded()), (1, false));
    }

    #[test]
    fn the_count_of_a_majority_holds_at_once_and_the_minimum_always() {
        let replicas = ReplicaView::new(1, Shard::FIRST);
        replicas.note_cluster_count(2);
        assert_eq!(replicas.required(), 2);
        replicas.note_cluster_count(0);
        assert_eq!(replicas.required(), 1);
    }
}
