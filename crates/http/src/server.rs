//! Listening and shutting down: Rocket's own settings, the signals, and what can go wrong at the start.
//!
//! How a stop goes: the first SIGTERM or SIGINT stops the accepting of connections and closes the idle ones.
//! Requests under way finish, at most for `shutdown_grace`; Rocket's shutdown hook in `request_lifecycle` waits for them,
//! because Rocket itself would wait for connections instead, and for the whole grace period as soon as one is
//! open. Then whatever is still connected (clients that never sent a whole request) is let go. A second
//! signal ends at once.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::figment::{Figment, Profile};
use rocket::{Build, Config, Rocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::request_lifecycle::RequestDrain;
use super::{HttpSettings, OnListening};

/// How long connections may take to close once no request is under way: enough to write what is buffered,
/// short enough that a stalled client does not hold the exit.
const CLOSING_TIME: Duration = Duration::from_millis(500);

/// Why the service does not serve (any more).
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", reason(.source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The pieces do not fit together: a mistake in userd.
    #[error("can't start the HTTP service: {0}")]
    Start(String),
    /// The signals that stop the service can't be listened for.
    #[error("can't listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// The listening ended by itself.
    #[error("the HTTP service failed: {0}")]
    Failed(String),
    /// A second signal came while requests were still under way.
    #[error("stopped at once by a second signal; {0} requests were cut off")]
    Forced(usize),
}

/// The system's reason in plain words where we have some.
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

/// Serves until SIGTERM or SIGINT, then finishes what is under way and returns.
///
/// # Errors
/// [`ServeError`], in a sentence for the operator.
pub async fn serve(rocket: Rocket<Build>) -> Result<(), ServeError> {
    let mut first = StopSignals::listen().map_err(ServeError::Signals)?;
    let mut second = StopSignals::listen().map_err(ServeError::Signals)?;
    let stop = async move {
        let name = first.next().await;
        tracing::info!(signal = name, "stopping: finishing the requests under way");
    };
    let abort = async move {
        second.next().await;
        second.next().await;
    };
    serve_until(rocket, stop, abort).await
}

/// Serves until `stop` is ready, then finishes what is under way, but gives up when `abort` is ready.
///
/// # Errors
/// [`ServeError`], in a sentence for the operator.
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
            // Somebody is still connected; nothing of theirs is under way.
            ErrorKind::Shutdown(_, None) => Ok(()),
            _ => Err(failed(&error, Some(address))),
        }),
        () = drained => Ok(()),
        () = &mut abort => Err(ServeError::Forced(drain.in_flight())),
    }
}

/// Rocket's error in our words. Asking for its kind marks it as seen; unseen it would panic when dropped.
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

/// Rocket's settings. Built on nothing but its compiled-in defaults, so neither `Rocket.toml` nor `ROCKET_…`
/// is read.
pub(super) fn figment(settings: &HttpSettings) -> Figment {
    let config = Config { profile: Profile::const_new("userd"), ..Config::release_default() };
    // Rocket closes what is open at the end of its grace period; ours ends earlier, in `serve_until`.
    let grace_s = settings.shutdown_grace.as_secs().saturating_add(1);
    Figment::from(config)
        .merge(("address", settings.listen.ip()))
        .merge(("port", settings.listen.port()))
        .merge(("workers", settings.workers))
        .merge(("keep_alive", settings.limits.keep_alive_s))
        // No `Server` header: it helps only those who look for a version to attack.
        .merge(("ident", false))
        // Nobody is believed about the address of a client.
        .merge(("ip_header", false))
        // Rocket's own lines contain whole paths, and so e-mails.
        .merge(("log_level", "off"))
        .merge(("cli_colors", false))
        // Signals are ours, see `serve`.
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()))
        .merge(("shutdown.grace", grace_s))
        .merge(("shutdown.mercy", 1))
        .select("userd")
}

/// Tells the address once the service listens on it: the one asked for, with the port that was found.
pub(super) fn announce_address(on_listening: Option<OnListening>) -> AdHoc {
    AdHoc::on_liftoff("address", move |rocket| {
        Box::pin(async move {
            if let Some(callback) = on_listening {
                callback(SocketAddr::new(rocket.config().address, rocket.config().port));
            }
        })
    })
}
