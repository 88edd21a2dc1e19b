//! An estimate of a server's clock. Deadlines that a script compares with the server's own time start from it.

use std::sync::atomic::{AtomicU64, Ordering};

use ::redis::Value;
use tokio::time::Instant;

/// The clock of one server, from its last answer to `TIME`.
pub(super) struct ServerClock {
    /// The server's time at `started`, in milliseconds.
    epoch_ms: AtomicU64,
    started: Instant,
}

impl ServerClock {
    /// A clock that is not set yet.
    pub(super) fn new() -> Self {
        Self { epoch_ms: AtomicU64::new(0), started: Instant::now() }
    }

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
