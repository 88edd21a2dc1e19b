//! Signals that end an export or an import in an orderly way.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGINT or SIGTERM. From this call on they do not end the process. Call it inside a runtime.
pub(super) fn shutdown_signal() -> impl Future<Output = ()> {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()).ok(), signal(SignalKind::terminate()).ok());
    async {
        tokio::select! {
            Some(()) = async { interrupt?.recv().await } => {}
            Some(()) = async { terminate?.recv().await } => {}
            // Neither can be received.
            else => std::future::pending().await,
        }
    }
}
