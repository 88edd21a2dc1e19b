//! The threads that serve requests. Ours and not Rocket's, because Rocket's are made before its configuration
//! is read.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Threads for blocking calls, which are reads of static files and nothing else: enough to keep a disk busy, and
/// far below tokio's 512, each of which could cost a stack.
const BLOCKING_THREADS_MAX: usize = 32;

/// A runtime with `workers` threads.
///
/// # Errors
/// If the system gives no threads.
pub fn build(workers: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(workers.max(1))
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("userd-worker")
        .enable_all()
        .build()
}
