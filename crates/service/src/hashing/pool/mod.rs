//! Fixed threads behind a bounded queue and a bounded wait. Knows nothing of passwords: a piece of work is a
//! closure on the worker's own state.
//!
//! Three ways a request gets no answer: the queue is full (refused at once), no worker began within the wait
//! (refused then), or the requester went away (its future was dropped). In the last two the work may still
//! stand in the queue; requester and worker settle by one atomic step who came first, so work is either begun
//! and its answer awaited, or never done at all.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use userd_metrics::{HashRejection, Histogram, Metrics};

/// The lowest priority that a thread can have by `nice`. At 19 a thread gets about 1.5 % of a core that a
/// thread at 0 wants whole (kernel `sched_prio_to_weight`: 15 to 1024), and all of one that nobody wants.
#[cfg(target_os = "linux")]
const NICE_LOWEST: i32 = 19;

/// Why a piece of work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashPoolError {
    /// The queue is full, or no worker began in time.
    Busy,
    /// It panicked; the log says how.
    Panicked,
}

/// The threads and the queue in front of them. Dropping it waits for the work under way and ends the threads.
pub(super) struct HashPool<W> {
    shared: Arc<PoolState<W>>,
    threads: Vec<JoinHandle<()>>,
    wait: Duration,
}

struct PoolState<W> {
    queue: Mutex<JobQueue<W>>,
    changed: Condvar,
    workers: usize,
    metrics: Arc<Metrics>,
}

struct JobQueue<W> {
    waiting: VecDeque<Box<dyn PoolJob<W>>>,
    /// How many may wait while every worker is busy.
    limit: usize,
    /// Workers without work. Each of them will take one at once, so so many more fit in the queue.
    idle: usize,
    closed: bool,
}

/// Work in the queue.
trait PoolJob<W>: Send {
    /// Does anyone still wait for it?
    fn is_wanted(&self) -> bool;
    /// Does it, if it can still be begun, and counts what it took before anybody has the answer.
    fn run(self: Box<Self>, state: &mut W, duration: &Histogram);
}

/// What requester and worker agree on: whoever leaves `WAITING` first decides.
#[derive(Default)]
struct JobTicket(AtomicU8);

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

impl JobTicket {
    fn claim(&self, next: u8) -> bool {
        self.0.compare_exchange(WAITING, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

struct QueuedJob<F, T> {
    ticket: Arc<JobTicket>,
    answer: oneshot::Sender<Result<T, HashPoolError>>,
    work: F,
}

impl<W, T, F> PoolJob<W> for QueuedJob<F, T>
where
    T: Send,
    F: FnOnce(&mut W) -> T + Send,
{
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed() && self.ticket.0.load(Ordering::Acquire) == WAITING
    }

    fn run(self: Box<Self>, state: &mut W, duration: &Histogram) {
        if self.answer.is_closed() || !self.ticket.claim(STARTED) {
            return;
        }
        let began = Instant::now();
        let Self { answer, work, .. } = *self;
        // The state is safe to use again after a panic: each piece of work overwrites what it uses.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(state))).map_err(|panic| {
            let what = panic.downcast_ref::<&str>().copied();
            let what = what.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
            tracing::error!(panic = what, "a hash worker panicked; it goes on with the next request");
            HashPoolError::Panicked
        });
        duration.observe_duration(began.elapsed());
        // Whoever asked may be gone by now.
        let _ = answer.send(outcome);
    }
}

impl<W: Send + 'static> HashPool<W> {
    /// Starts a thread `<name>-<n>` for each of `states`; `queue` requests may wait, each for `wait`. What happens is
    /// counted in `metrics`.
    pub(super) fn start(
        name: &str,
        states: impl IntoIterator<Item = W>,
        queue: usize,
        wait: Duration,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let states: Vec<W> = states.into_iter().collect();
        let queue = JobQueue { waiting: VecDeque::new(), limit: queue, idle: 0, closed: false };
        let shared =
            Arc::new(PoolState { queue: Mutex::new(queue), changed: Condvar::new(), workers: states.len(), metrics });
        // If a later thread can't be started, dropping this ends the earlier ones.
        let mut pool = Self { shared, threads: Vec::new(), wait };
        for (number, state) in states.into_iter().enumerate() {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("{name}-{number}"));
            pool.shared.lock().idle += 1;
            pool.threads.push(thread.spawn(move || shared.serve(state))?);
        }
        Ok(pool)
    }

    /// Does `work` on a worker and gives its answer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut W) -> T + Send + 'static,
    ) -> Result<T, HashPoolError> {
        self.run_within(self.wait, work).await
    }

    /// The same with a wait of its own.
    pub(super) async fn run_within<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl FnOnce(&mut W) -> T + Send + 'static,
    ) -> Result<T, HashPoolError> {
        let ticket = Arc::new(JobTicket::default());
        let (answer, mut outcome) = oneshot::channel();
        self.shared.push(Box::new(QueuedJob { ticket: Arc::clone(&ticket), answer, work }))?;
        let received = match tokio::time::timeout(wait, &mut outcome).await {
            Ok(received) => received,
            Err(_) if ticket.claim(ABANDONED) => {
                self.shared.metrics.hashes.rejected.inc(HashRejection::Timeout);
                return Err(HashPoolError::Busy);
            }
            Err(_) => outcome.await,
        };
        // No sender any more: the gate was closed before the work began.
        received.unwrap_or(Err(HashPoolError::Busy))
    }

    /// Requests in the queue, those that nobody waits for any more included.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.shared.lock().waiting.len()
    }
}

impl<W> PoolState<W> {
    /// A panic never happens under this lock, and if it did the queue would still be whole.
    fn lock(&self) -> MutexGuard<'_, JobQueue<W>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, work: Box<dyn PoolJob<W>>) -> Result<(), HashPoolError> {
        let mut queue = self.lock();
        if queue.waiting.len() >= queue.limit + queue.idle {
            // Those that gave up keep nobody else out.
            queue.waiting.retain(|work| work.is_wanted());
            if queue.waiting.len() >= queue.limit + queue.idle {
                self.metrics.hashes.rejected.inc(HashRejection::QueueFull);
                return Err(HashPoolError::Busy);
            }
        }
        queue.waiting.push_back(work);
        self.update_gauges(&queue);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    /// How full the gate is, for whoever looks.
    fn update_gauges(&self, queue: &JobQueue<W>) {
        self.metrics.hashes.queued.set(queue.waiting.len() as u64);
        self.metrics.hashes.in_flight.set(self.workers.saturating_sub(queue.idle) as u64);
    }

    /// A worker's life.
    fn serve(&self, mut state: W) {
        lower_priority();
        while let Some(work) = self.next() {
            work.run(&mut state, &self.metrics.hashes.duration);
            let mut queue = self.lock();
            queue.idle += 1;
            self.update_gauges(&queue);
        }
    }

    /// The next work, after waiting for it; `None` when the gate is closed. The caller is no longer idle.
    fn next(&self) -> Option<Box<dyn PoolJob<W>>> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(work) = queue.waiting.pop_front() {
                queue.idle -= 1;
                self.update_gauges(&queue);
                return Some(work);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<W> Drop for HashPool<W> {
    fn drop(&mut self) {
        let unbegun = {
            let mut queue = self.shared.lock();
            queue.closed = true;
            std::mem::take(&mut queue.waiting)
        };
        self.shared.changed.notify_all();
        drop(unbegun);
        for thread in self.threads.drain(..) {
            // A worker catches its panics, so there is nothing to tell.
            let _ = thread.join();
        }
    }
}

/// Puts the calling thread behind all others. On Linux `setpriority` of a thread id is that thread's own
/// (setpriority(2), "C library/kernel differences"); elsewhere the priority stays as it is.
#[cfg(target_os = "linux")]
fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE_LOWEST) {
        tracing::warn!(%error, "a hash worker keeps its normal priority; reads may slow down while it works");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
