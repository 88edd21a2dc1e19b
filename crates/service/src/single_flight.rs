//! Single-flight: one task reads, the others wait for its result. If it finds the store unavailable, they fail with it:
//! otherwise each would ask the store in turn, and the last would wait for all of them.
//!
//! Not a cache: the owner caches the result.

use std::time::Instant;

use tokio::sync::{Mutex, MutexGuard};

use crate::Error;
use userd_store::StoreError;

/// A lock for reads.
#[derive(Default)]
pub(super) struct SingleFlight {
    /// When a read last found the store unavailable.
    unavailable_at: Mutex<Option<Instant>>,
}

/// The right to read. Check first whether another task has read meanwhile.
pub(super) struct SingleFlightGuard<'a>(MutexGuard<'a, Option<Instant>>);

impl SingleFlight {
    /// Waits for the lock.
    ///
    /// # Errors
    /// [`Error::Store`] if a read found the store unavailable during the wait.
    pub(super) async fn acquire(&self) -> Result<SingleFlightGuard<'_>, Error> {
        let asked_at = Instant::now();
        let unavailable_at = self.unavailable_at.lock().await;
        if unavailable_at.is_some_and(|found_at| found_at >= asked_at) {
            return Err(StoreError::unavailable("another request has just found the store unavailable").into());
        }
        Ok(SingleFlightGuard(unavailable_at))
    }

    /// The lock, if it is free.
    pub(super) fn try_acquire(&self) -> Option<SingleFlightGuard<'_>> {
        self.unavailable_at.try_lock().ok().map(SingleFlightGuard)
    }
}

impl SingleFlightGuard<'_> {
    /// Releases the lock with the result of the read.
    pub(super) fn finish<T>(mut self, found: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Store(_)) = found {
            *self.0 = Some(Instant::now());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    /// Asks a store that is slow to fail.
    async fn ask(turns: &SingleFlight, asked: &AtomicUsize) -> Result<(), Error> {
        let turn = turns.acquire().await?;
        asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        turn.finish(Err(StoreError::unavailable("it does not answer").into()))
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_asked_once_for_all_who_wait() {
        let (turns, asked) = (SingleFlight::default(), AtomicUsize::new(0));
        for round in 1..=2 {
            let answers = join_all((0..50).map(|_| ask(&turns, &asked))).await;
            assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Store(_)))), "{answers:?}");
            assert_eq!(asked.load(Ordering::Relaxed), round, "who comes later asks anew");
        }
    }
}
