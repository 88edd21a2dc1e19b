//! The writer thread, and group commit.
//!
//! SQLite has one writer at a time anyway. A thread with a bounded queue bounds the wait, and lets changes that wait at
//! the same time share one `fsync`, by far the most expensive part.
//!
//! The life of a change: queued (or rejected at once if the queue is full) → skipped if the caller has gone → run in a
//! savepoint of the group's transaction → answered **after the commit**. Outcomes that change nothing wait for the
//! commit, too: an `EmailTaken` may depend on another change of the same group.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::database_file::ServingLock;
use super::errors::{DatabaseError, UnavailableReason};
use super::settings::SqliteSettings;
use userd_metrics::{Metrics, StoreMetrics};
use userd_store::StoreError;

/// The name of the thread, for `top -H` and stack traces.
const THREAD_NAME: &str = "userd-writer";

/// Limit of the changes in one commit. A change takes about 20 µs, an fsync 0.2 to some milliseconds: at this size the
/// fsync is no longer the larger part, and the first change of the group waits a few milliseconds for the others.
const GROUP_JOBS_MAX: usize = 128;

/// The handle to the writer thread.
pub(super) struct WriterHandle {
    /// None after `close`.
    queue: Mutex<Option<SyncSender<Box<dyn WriteJob>>>>,
    /// None after it has ended. The lock is held while waiting for the end, so that every caller of `close` waits.
    thread: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    last_write_failed: Arc<AtomicBool>,
    timeout: Duration,
}

impl WriterHandle {
    /// Starts the thread. It holds `lock` until its connection is closed.
    pub(super) fn start(
        connection: Connection,
        lock: ServingLock,
        settings: &SqliteSettings,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(settings.queue.max(1));
        let last_write_failed = Arc::new(AtomicBool::new(false));
        let failed = Arc::clone(&last_write_failed);
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            serve(&connection, &receiver, &failed, &metrics.stores);
            finish(connection);
            drop(lock);
        })?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: tokio::sync::Mutex::new(Some(thread)),
            last_write_failed,
            timeout: settings.timeout,
        })
    }

    /// Runs `act` in a transaction and returns its result after the commit.
    ///
    /// # Errors
    /// The error of `act`; unavailable if the queue is full, the time limit was exceeded, or the commit failed.
    pub(super) async fn run<T, A>(&self, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Box::new(PendingWrite { act: Some(act), outcome: None, reply }))
            .map_err(UnavailableReason::into_store_error)?;
        // On a time-out `answer` is dropped here, by which the writer sees that the caller has gone.
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(UnavailableReason::WriterGone.into_store_error()),
            Err(_) => Err(UnavailableReason::TimedOut.into_store_error()),
        }
    }

    /// Whether the last write that reached the engine failed there.
    pub(super) fn last_write_failed(&self) -> bool {
        self.last_write_failed.load(Ordering::Relaxed)
    }

    /// Accepts no more changes, and returns when the queue is done and the connection is closed.
    pub(super) async fn close(&self) {
        drop(self.take_queue());
        let mut thread = self.thread.lock().await;
        if let Some(thread) = thread.take() {
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::error!("the writer thread of the SQLite store has panicked");
            }
        }
    }

    fn enqueue(&self, job: Box<dyn WriteJob>) -> Result<(), UnavailableReason> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = queue.as_ref() else { return Err(UnavailableReason::Closed) };
        sender.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => UnavailableReason::QueueFull,
            TrySendError::Disconnected(_) => UnavailableReason::WriterGone,
        })
    }

    fn take_queue(&self) -> Option<SyncSender<Box<dyn WriteJob>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        drop(self.take_queue());
        if let Some(thread) = self.thread.get_mut().take() {
            // The result only says whether it panicked, which the panic hook has reported.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for WriterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterHandle").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A queued change, whatever the type of its result.
trait WriteJob: Send {
    /// Whether the caller has gone.
    fn abandoned(&self) -> bool;
    /// Runs it, and keeps the result.
    fn run(&mut self, connection: &Connection) -> JobOutcome;
    /// Sends the result to the caller, unless the commit failed.
    fn answer(self: Box<Self>, committed: &Result<(), UnavailableReason>);
}

/// What happens to the changes of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JobOutcome {
    Keep,
    /// The row or the request was the cause.
    Rollback,
    /// SQLite was the cause.
    RollbackAndProbe,
}

struct PendingWrite<T, A> {
    act: Option<A>,
    outcome: Option<Result<T, DatabaseError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, A> WriteJob for PendingWrite<T, A>
where
    T: Send,
    A: FnOnce(&Connection) -> Result<T, DatabaseError> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> JobOutcome {
        let Some(act) = self.act.take() else { return JobOutcome::Rollback };
        let outcome = act(connection);
        let ran = match &outcome {
            Ok(_) => JobOutcome::Keep,
            Err(DatabaseError::Engine(_)) => JobOutcome::RollbackAndProbe,
            Err(_) => JobOutcome::Rollback,
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, committed: &Result<(), UnavailableReason>) {
        let result = match (self.outcome, committed) {
            // Its own error is more specific than that of the group.
            (Some(Err(failure)), _) => Err(failure.into_store_error()),
            (_, Err(reason)) => Err(reason.clone().into_store_error()),
            (Some(Ok(outcome)), Ok(())) => Ok(outcome),
            (None, Ok(())) => Err(UnavailableReason::WriterGone.into_store_error()),
        };
        // The caller may have gone meanwhile.
        let _ = self.reply.send(result);
    }
}

/// Runs until the queue is closed and empty.
fn serve(
    connection: &Connection,
    queue: &Receiver<Box<dyn WriteJob>>,
    last_write_failed: &AtomicBool,
    metrics: &StoreMetrics,
) {
    let mut group: Vec<Box<dyn WriteJob>> = Vec::with_capacity(GROUP_JOBS_MAX);
    while let Ok(first) = queue.recv() {
        let waiting = std::iter::once(first).chain(queue.try_iter()).take(GROUP_JOBS_MAX);
        group.extend(waiting.filter(|job| !job.abandoned()));
        if group.is_empty() {
            continue;
        }
        let before = connection.total_changes();
        let mut engine_failed = false;
        let began = Instant::now();
        let committed = commit(connection, &mut group, &mut engine_failed);
        if engine_failed || committed.is_err() {
            last_write_failed.store(true, Ordering::Relaxed);
        } else if connection.total_changes() != before {
            // Only a commit that wrote something proves that the disk can be written.
            last_write_failed.store(false, Ordering::Relaxed);
            metrics.sqlite_commits.observe_duration(began.elapsed());
            metrics.sqlite_group_sizes.observe(group.len() as u64);
        }
        for job in group.drain(..) {
            job.answer(&committed);
        }
    }
}

/// Runs the group and commits it; sets `engine_failed` if SQLite failed in one of its jobs.
fn commit(
    connection: &Connection,
    group: &mut [Box<dyn WriteJob>],
    engine_failed: &mut bool,
) -> Result<(), UnavailableReason> {
    let done = run_group(connection, group, engine_failed).and_then(|()| execute(connection, "COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK")
            .unwrap_or_else(|error| tracing::error!(%error, "a failed transaction can't be rolled back"));
    }
    done
}

fn run_group(
    connection: &Connection,
    group: &mut [Box<dyn WriteJob>],
    engine_failed: &mut bool,
) -> Result<(), UnavailableReason> {
    // IMMEDIATE takes the write lock now, when waiting for another program is harmless.
    execute(connection, "BEGIN IMMEDIATE")?;
    for job in group {
        execute(connection, "SAVEPOINT job")?;
        let ran = job.run(connection);
        *engine_failed |= ran == JobOutcome::RollbackAndProbe;
        if connection.is_autocommit() {
            // On some errors (full disk, I/O) SQLite rolls back the whole transaction by itself.
            return Err(UnavailableReason::GroupFailed);
        }
        if ran != JobOutcome::Keep {
            execute(connection, "ROLLBACK TO job")?;
        }
        execute(connection, "RELEASE job")?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<(), UnavailableReason> {
    let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    done.map(|_| ()).map_err(|error| UnavailableReason::from_engine(Arc::new(error)))
}

/// Checkpoints the log and closes the connection: one file remains, which can be copied.
fn finish(connection: Connection) {
    let checkpointed = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = checkpointed.and_then(|()| connection.close().map_err(|(_, error)| error)) {
        // Nothing is lost: the log stays next to the database and the next start reads it.
        tracing::warn!(%error, "the write-ahead log can't be checkpointed");
    }
}
