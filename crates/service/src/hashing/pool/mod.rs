//! Admission control for expensive work: a fixed number of threads, a bounded queue and a bounded wait. Knows nothing
//! of passwords: a job is a closure on the state of the thread that runs it.
//!
//! Two semaphores decide. A request takes a permit of `room` at once or is rejected; then it waits for a permit of
//! `idle`, within the time limit. Both permits move into the job. So a request whose caller hangs up leaves the queue
//! at once and is never computed, and a job that has started keeps its place until it ends.
//!
//! Plain threads and not `rayon`: dropping its pool does not wait for its threads, a panic in `spawn` aborts the
//! process, and there is no work to steal.

#[cfg(test)]
mod tests;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::outcome::HashError;
use userd_metrics::{Gauge, HashMetrics, HashRejection, Metrics};

/// The lowest priority that `nice` gives a thread. At 19 a thread gets about 1.5 % of a core for which a thread at 0
/// competes (kernel `sched_prio_to_weight`: 15 to 1024), and all of an idle core.
#[cfg(target_os = "linux")]
const NICE_LOWEST: i32 = 19;

type PoolJob<W> = Box<dyn FnOnce(&mut W) + Send>;

/// The threads and the queue in front of them. Dropping it waits for the running jobs and ends the threads.
pub(super) struct HashPool<W> {
    /// One permit for each request that may wait or run.
    room: Arc<Semaphore>,
    /// One permit for each idle thread.
    idle: Arc<Semaphore>,
    /// `None` only while the pool is dropped.
    jobs: Option<mpsc::Sender<PoolJob<W>>>,
    threads: Vec<JoinHandle<()>>,
    wait: Duration,
    metrics: Arc<Metrics>,
}

impl<W: Send + 'static> HashPool<W> {
    /// Starts a thread `<name>-<n>` for each of `states`; `queue` requests may wait, each for `wait`.
    pub(super) fn start(
        name: &str,
        states: impl IntoIterator<Item = W>,
        queue: usize,
        wait: Duration,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let (room, idle) = (Arc::new(Semaphore::new(queue)), Arc::new(Semaphore::new(0)));
        // If a later thread can't be started, dropping this ends the earlier ones.
        let mut pool = Self { room, idle, jobs: Some(sender), threads: Vec::new(), wait, metrics };
        for (number, state) in states.into_iter().enumerate() {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("{name}-{number}"));
            pool.threads.push(thread.spawn(move || run_jobs(&jobs, state))?);
            pool.room.add_permits(1);
            pool.idle.add_permits(1);
        }
        Ok(pool)
    }

    /// Runs `work` on one of the threads and returns its result.
    ///
    /// # Errors
    /// [`HashError::Busy`] if the queue is full or no thread was free in time; [`HashError::Failed`] if `work`
    /// panicked, whose message is logged.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut W) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return Err(self.reject(HashRejection::QueueFull));
        };
        let queued = GaugeGuard::start(&self.metrics, |hashes| &hashes.queued);
        let Ok(Ok(thread)) = tokio::time::timeout(self.wait, Arc::clone(&self.idle).acquire_owned()).await else {
            return Err(self.reject(HashRejection::Timeout));
        };
        drop(queued);
        let in_flight = GaugeGuard::start(&self.metrics, |hashes| &hashes.in_flight);
        let (result, received) = oneshot::channel();
        let metrics = Arc::clone(&self.metrics);
        let job = move |state: &mut W| {
            let permits = (place, thread, in_flight);
            // The caller may have hung up after the permit was granted.
            if result.is_closed() {
                return;
            }
            let started = Instant::now();
            // The state can be used again after a panic: each job overwrites what it uses.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(state))).map_err(|panic| {
                let message = panic.downcast_ref::<&str>().copied();
                let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(panic = message.unwrap_or("no message"), "a hash worker panicked; it continues");
                HashError::Failed
            });
            metrics.hashes.duration.observe_duration(started.elapsed());
            drop(permits);
            // The caller may have hung up while the job ran.
            let _ = result.send(outcome);
        };
        // If the threads were gone, the job would be dropped with its sender, and `received` would fail.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(Box::new(job)));
        received.await.unwrap_or(Err(HashError::Busy))
    }

    fn reject(&self, reason: HashRejection) -> HashError {
        self.metrics.hashes.rejected.inc(reason);
        HashError::Busy
    }
}

impl<W> Drop for HashPool<W> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            // A job catches its panics, so a thread returns nothing to report.
            let _ = thread.join();
        }
    }
}

/// Runs jobs until the pool is dropped.
fn run_jobs<W>(jobs: &Mutex<mpsc::Receiver<PoolJob<W>>>, mut state: W) {
    lower_priority();
    loop {
        // The lock is released before the job runs.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job(&mut state);
    }
}

/// Counts one request in a gauge until it is dropped.
struct GaugeGuard {
    metrics: Arc<Metrics>,
    gauge: fn(&HashMetrics) -> &Gauge,
}

impl GaugeGuard {
    fn start(metrics: &Arc<Metrics>, gauge: fn(&HashMetrics) -> &Gauge) -> Self {
        gauge(&metrics.hashes).inc();
        Self { metrics: Arc::clone(metrics), gauge }
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics.hashes).dec();
    }
}

/// Gives the calling thread the lowest priority. On Linux `setpriority` of a thread id is that thread's own
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
