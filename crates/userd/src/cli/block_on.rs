//! Runs the async work of a command.

use crate::config::Config;
use crate::serve::build_runtime;

/// Runs `work` on as many threads as the configuration says.
///
/// # Errors
/// A message, if the system refuses to create threads.
pub(super) fn block_on<T>(config: &Config, work: impl Future<Output = T>) -> Result<T, String> {
    block_on_threads(config.workers, work)
}

/// Runs `work` on this many threads, and does not wait for anything else that they may be doing.
///
/// # Errors
/// A message, if the system refuses to create threads.
pub(super) fn block_on_threads<T>(threads: usize, work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = build_runtime(threads).map_err(|error| format!("can't start threads: {error}"))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(result)
}
