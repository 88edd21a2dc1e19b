//! Listening and graceful shutdown.
//!
//! The first SIGTERM or SIGINT stops accepting connections and closes idle ones. Requests in flight may finish, at most
//! for `shutdown_grace`. Rocket's shutdown hook in `lifecycle` waits for them, because Rocket itself would wait for
//! connections, and for the whole grace period if one is open. Then the remaining connections (clients that never sent
//! a whole request) are closed. A second signal stops the process at once.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::{Build, Rocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::request_drain::RequestDrain;

/// How long connections may take to close once no request is in flight: enough to write what is buffered, and a stalled
/// client does not delay the exit.
const CLOSING_TIME: Duration = Duration::from_millis(500);

/// Why the service stopped or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The service can't listen on the address.
    #[error("can't listen on {address}: {}", reason(.source))]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// Rocket rejects the routes or the state: a bug in userd.
    #[error("can't start the HTTP service: {0}")]
    Start(String),
    /// The service can't listen for signals.
    #[error("can't listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// The listener ended unexpectedly.
    #[error("the HTTP service failed: {0}")]
    Failed(String),
    /// A second signal arrived while requests were in flight.
    #[error("stopped at once by a second signal; {0} requests were cut off")]
    Forced(usize),
}

/// The operating system's error, in words for the operator.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use (is another userd running?)".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address".to_owned(),
        _ => error.to_string(),
    }
}

/// Serves until SIGTERM or SIGINT, then finishes the requests in flight and returns.
///
/// # Errors
/// [`ServeError`], a sentence for the operator.
pub async fn serve(rocket: Rocket<Build>) -> Result<(), ServeError> {
    let mut first = StopSignals::listen().map_err(ServeError::Signals)?;
    let mut second = StopSignals::listen().map_err(ServeError::Signals)?;
    let stop = async move {
        let name = first.next().await;
        tracing::info!(signal = name, "stopping: finishing the requests in flight");
    };
    let abort = async move {
        second.next().await;
        second.next().await;
    };
    serve_until(rocket, stop, abort).await
}

/// Serves until `stop` is ready, then finishes the requests in flight, unless `abort` is ready first.
///
/// # Errors
/// [`ServeError`], a sentence for the operator.
pub async fn serve_until(
    rocket: Rocket<Build>,
    stop: impl Future<Output = ()>,
    abort: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let rocket = rocket.ignite().await.map_err(|error| failed(&error, None))?;
    let address = SocketAddr::new(rocket.config().address, rocket.config().port);
    let shutdown = rocket.shutdown();
    let Some(drain) = rocket.state::<RequestDrain>().cloned() else {
        return Err(ServeError::Start("no request counter is managed".to_owned()));
    };
    let mut launch = std::pin::pin!(rocket.launch());
    let mut abort = std::pin::pin!(abort);
    tokio::select! {
        outcome = &mut launch => return outcome.map(drop).map_err(|error| failed(&error, Some(address))),
        () = stop => shutdown.notify(),
    }
    let drained = async {
        drain.finished().await;
        tokio::time::sleep(CLOSING_TIME).await;
    };
    tokio::select! {
        outcome = &mut launch => outcome.map(drop).or_else(|error| match error.kind() {
            // A client is still connected, without a request in flight.
            ErrorKind::Shutdown(_, None) => Ok(()),
            _ => Err(failed(&error, Some(address))),
        }),
        () = drained => Ok(()),
        () = &mut abort => Err(ServeError::Forced(drain.in_flight())),
    }
}

/// Rocket's error as ours. Reading its kind marks it as handled; an unhandled one panics when dropped.
fn failed(error: &rocket::Error, address: Option<SocketAddr>) -> ServeError {
    match (error.kind(), address) {
        (ErrorKind::Bind(source), Some(address)) => {
            let source = source.raw_os_error().map_or_else(|| source.kind().into(), io::Error::from_raw_os_error);
            ServeError::Bind { address, source }
        }
        (ErrorKind::Collisions(found), _) => ServeError::Start(format!("routes collide: {:?}", found.routes)),
        (ErrorKind::SentinelAborts(missing), _) => ServeError::Start(format!("not managed: {missing:?}")),
        (kind @ (ErrorKind::Config(_) | ErrorKind::FailedFairings(_)), _) => ServeError::Start(kind.to_string()),
        (kind, _) => ServeError::Failed(kind.to_string()),
    }
}

/// SIGTERM and SIGINT.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
