//! The number of requests in flight, and the wait for the last one during a shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often the number is polled during a shutdown.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// The number of requests in flight, and whether the wait for the last one has ended.
#[derive(Clone, Default)]
pub(crate) struct RequestDrain {
    in_flight: Arc<AtomicUsize>,
    finished: Arc<AtomicBool>,
}

/// Counts one request as in flight until the last byte of its response: it is kept in the request, which Rocket drops
/// after it has sent the whole body.
pub(crate) struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl RequestDrain {
    /// Counts one more request.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(&self.in_flight))
    }

    /// The number of requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Waits until no request is in flight, at most for `grace`. Two polls in a row must find none: a request that was
    /// read but not counted when the shutdown began shows up in between.
    pub(crate) async fn wait(&self, grace: Duration) {
        let started = Instant::now();
        let mut quiet = 0;
        while quiet < 2 && started.elapsed() < grace {
            tokio::time::sleep(DRAIN_POLL).await;
            quiet = if self.in_flight() == 0 { quiet + 1 } else { 0 };
        }
        let left = self.in_flight();
        if left > 0 {
            tracing::warn!(left, "requests in flight are aborted: the shutdown grace period is over");
        }
        self.finished.store(true, Ordering::Release);
    }

    /// Ready when [`RequestDrain::wait`] has ended.
    pub(crate) async fn finished(&self) {
        while !self.finished.load(Ordering::Acquire) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}
