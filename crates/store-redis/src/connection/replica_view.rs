//! What the acknowledgement waiter and the supervisor of a server share: the number of replicas to wait for, the shard
//! that holds the barrier key, and the signal to count the replicas again. Knows no connection.
//!
//! The waiter must see a new number before it acknowledges anything, so this is shared state and not a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::replicas::RequiredReplicas;
use crate::layout::Shard;

/// The replicas of one server, and where they are asked.
pub(super) struct ReplicaView {
    /// How many replicas have to acknowledge.
    pub(super) required: RequiredReplicas,
    /// Notified when the number of replicas has to be looked up again.
    pub(super) recheck: Notify,
    shards: ArcSwap<Vec<Shard>>,
    home_shard: AtomicU64,
}

impl ReplicaView {
    /// Never fewer than `replicas_min` replicas; the server holds the keys of `home_shard`.
    pub(super) fn new(replicas_min: usize, home_shard: Shard) -> Self {
        Self {
            required: RequiredReplicas::at_least(replicas_min),
            recheck: Notify::new(),
            shards: ArcSwap::default(),
            home_shard: AtomicU64::new(u64::from(home_shard.number())),
        }
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
}
