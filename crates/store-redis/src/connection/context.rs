//! What connections are made from: the store's settings, and what is known about one server apart from its
//! connections. Plain data; does no I/O.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::redis::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::known_id::KnownId;
use super::replicas::ReplicaView;
use crate::layout::{KeyLayout, Shard};
use crate::settings::RedisSettings;
use userd_core::random::Random;
use userd_metrics::RedisRoundTrip;

/// Pause before a retry that the server asked for (`TRYAGAIN`, `BUSY`, `CLUSTERDOWN`).
pub(super) const TRY_AGAIN_PAUSE: Duration = Duration::from_millis(20);

/// What all servers of one store share.
pub(super) struct SharedContext {
    /// The operator's settings.
    pub(super) settings: RedisSettings,
    /// The names of the keys, below the prefix of the settings.
    pub(super) keys: KeyLayout,
    /// The source of nonces.
    pub(super) random: Arc<dyn Random>,
    /// The id of the store that is served.
    pub(super) known_id: KnownId,
    /// Notified when shards may have moved to other servers.
    pub(super) refresh_topology: Notify,
}

impl SharedContext {
    /// The context of a store that has just been opened.
    pub(super) fn new(settings: RedisSettings, random: Arc<dyn Random>) -> Self {
        let keys = KeyLayout::with_prefix(settings.prefix.clone());
        Self { settings, keys, random, known_id: KnownId::default(), refresh_topology: Notify::new() }
    }

    /// Awaits an answer until the deadline, and records how long that took.
    pub(super) async fn timed<T>(
        &self,
        trip: RedisRoundTrip,
        deadline: Instant,
        answer: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let began = Instant::now();
        let answer = tokio::time::timeout_at(deadline, answer).await;
        self.settings.metrics.stores.record_round_trip(trip, began.elapsed());
        answer
    }
}

/// What is known about one server, whichever connections it has.
pub(super) struct ServerContext {
    /// What all servers of the store share.
    pub(super) shared: Arc<SharedContext>,
    /// The server's clock.
    pub(super) clock: ServerClock,
    /// How many replicas have to acknowledge, and the shard in which they are asked.
    pub(super) replicas: ReplicaView,
    /// It holds another store than the one that is served, or has lost its data.
    wrong_store: AtomicBool,
}

impl ServerContext {
    /// A server about which nothing is known but one of its shards.
    pub(super) fn new(shared: Arc<SharedContext>, home_shard: Shard) -> Self {
        let replicas = ReplicaView::new(shared.settings.replicas_min, home_shard);
        let clock = ServerClock { epoch_ms: AtomicU64::new(0), started: Instant::now() };
        Self { shared, clock, replicas, wrong_store: AtomicBool::new(false) }
    }

    /// The operator's settings.
    pub(super) fn settings(&self) -> &RedisSettings {
        &self.shared.settings
    }

    /// The names of the keys.
    pub(super) fn keys(&self) -> &KeyLayout {
        &self.shared.keys
    }

    /// Whether it was last found to hold another store, or to have lost its data.
    pub(super) fn is_wrong_store(&self) -> bool {
        self.wrong_store.load(Ordering::Relaxed)
    }

    /// Records whether it holds another store, or has lost its data.
    pub(super) fn set_wrong_store(&self, is_wrong: bool) {
        self.wrong_store.store(is_wrong, Ordering::Relaxed);
    }
}

/// The clock of one server, estimated from its last answer to `TIME`. Deadlines that a script compares with the
/// server's own time start from it.
pub(super) struct ServerClock {
    /// The server's time at `started`, in milliseconds; not set before the first answer.
    epoch_ms: AtomicU64,
    started: Instant,
}

impl ServerClock {
    /// The server's time, in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        self.epoch_ms.load(Ordering::Relaxed) + self.elapsed_ms()
    }

    /// Sets the clock from an answer to `TIME` that has just arrived.
    pub(super) fn set(&self, answer: &Value) {
        if let Ok((seconds, micros)) = ::redis::from_redis_value_ref::<(u64, u64)>(answer) {
            let server_ms = seconds * 1000 + micros / 1000;
            self.epoch_ms.store(server_ms.saturating_sub(self.elapsed_ms()), Ordering::Relaxed);
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
