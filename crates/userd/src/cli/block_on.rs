//! Runs the async work of a command.

use super::command_error::{CommandError, CommandResult};
use crate::config::Config;
use crate::serve::build_runtime;

/// Runs `work` on as many threads as the configuration says.
///
/// # Errors
/// The error of `work`, or that the system refuses to create threads.
pub(super) fn block_on<T>(config: &Config, work: impl Future<Output = CommandResult<T>>) -> CommandResult<T> {
    block_on_threads(config.workers, work)
}

/// Runs `work` on this many threads, and does not wait for anything else that they may be doing.
///
/// # Errors
/// As [`block_on`].
pub(super) fn block_on_threads<T>(threads: usize, work: impl Future<Output = CommandResult<T>>) -> CommandResult<T> {
    let runtime =
        build_runtime(threads).map_err(|error| CommandError::Failed(format!("can't start threads: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}
