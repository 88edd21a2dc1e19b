//! The async runtime of the server and of commands. Rocket does not build it, because Rocket's own runtime starts
//! before its configuration is read.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Threads for blocking calls, which are reads of static files only: enough to keep a disk busy, and far below tokio's
/// default of 512, each with a stack.
const BLOCKING_THREADS_MAX: usize = 32;

/// A runtime with `workers` threads.
///
/// # Errors
/// The system refuses to create threads.
pub(crate) fn build_runtime(workers: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(workers.max(1))
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("userd-worker")
        .enable_all()
        .build()
}
