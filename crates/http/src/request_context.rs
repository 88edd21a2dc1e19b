//! What userd remembers of a request until it is answered: its id, its start, its kind of caller, its trace.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rocket::http::{Header, Method};
use rocket::request::Request;

use crate::request_drain::InFlight;
use userd_core::ApiKeyId;
use userd_core::random::Random;

/// The longest id that is accepted from a client: a UUID or a trace id fits.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// The header that carries a request's id, in both directions.
const REQUEST_ID: &str = "X-Request-Id";

/// The source of request ids: a prefix for the process, then a count.
#[derive(Clone)]
pub(crate) struct RequestIdSource(Arc<IdSequence>);

struct IdSequence {
    prefix: u32,
    next: AtomicU64,
}

impl RequestIdSource {
    /// A source with a random prefix.
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self::starting_at(u32::from_le_bytes(random.bytes()), 1)
    }

    fn starting_at(prefix: u32, number: u64) -> Self {
        Self(Arc::new(IdSequence { prefix, next: AtomicU64::new(number) }))
    }
}

/// The state of a request, kept in Rocket's request cache.
pub(crate) struct RequestContext {
    prefix: u32,
    number: u64,
    /// The method as it arrived: Rocket turns a `HEAD` into a `GET` before routing.
    pub(crate) method: Method,
    /// When the request arrived.
    pub(crate) started: Instant,
    caller_kind: OnceLock<CallerKind>,
    trace_id: OnceLock<String>,
    /// Counts the request as in flight; `None` if it bypassed the fairings.
    in_flight: Option<InFlight>,
}

/// The kind of the caller, for the access log.
#[derive(Debug)]
pub(crate) enum CallerKind {
    /// No credentials.
    Anonymous,
    /// A user with a valid session.
    Session,
    /// A service with a valid API key.
    ApiKey(ApiKeyId),
}

impl RequestContext {
    /// The context of a request that arrives now.
    pub(crate) fn start(ids: &RequestIdSource, method: Method, in_flight: Option<InFlight>) -> Self {
        Self {
            prefix: ids.0.prefix,
            number: ids.0.next.fetch_add(1, Ordering::Relaxed),
            method,
            started: Instant::now(),
            caller_kind: OnceLock::new(),
            trace_id: OnceLock::new(),
            in_flight,
        }
    }

    /// The context of `request`.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| {
            let fallback = RequestIdSource::starting_at(0, 0);
            let ids = request.rocket().state::<RequestIdSource>().unwrap_or(&fallback);
            Self::start(ids, request.method(), None)
        })
    }

    /// Whether the request bypassed the fairings, because Rocket could not parse it.
    pub(crate) fn bypassed_fairings(&self) -> bool {
        self.in_flight.is_none()
    }

    /// Sets the kind of the caller. The first call counts.
    pub(crate) fn set_caller_kind(&self, kind: CallerKind) {
        let _ = self.caller_kind.set(kind);
    }

    /// The kind of the caller; `None` before authentication.
    pub(crate) fn caller_kind(&self) -> Option<&CallerKind> {
        self.caller_kind.get()
    }

    /// Sets the id of the trace that the request's span is in.
    pub(crate) fn set_trace_id(&self, id: String) {
        // A route that forwards to another one stays in the same trace.
        let _ = self.trace_id.set(id);
    }

    /// The id of the trace that the request's span is in.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.trace_id.get().map(String::as_str)
    }
}

/// The id of a request: the client's, if it is valid, or a generated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestId<'r> {
    /// From the client or a proxy: up to 64 of `[A-Za-z0-9._-]`, which can't break a log or a header.
    Supplied(&'r str),
    /// From userd.
    Generated {
        /// The prefix of the process.
        prefix: u32,
        /// The number of the request in the process.
        number: u64,
    },
}

impl<'r> RequestId<'r> {
    /// The id of `request`.
    pub(crate) fn of(request: &'r Request<'_>) -> Self {
        match request.headers().get_one(REQUEST_ID) {
            Some(id) if is_valid(id) => Self::Supplied(id),
            _ => {
                let context = RequestContext::of(request);
                Self::Generated { prefix: context.prefix, number: context.number }
            }
        }
    }

    /// The id as a header of the response.
    pub(crate) fn header(self) -> Header<'r> {
        match self {
            Self::Supplied(id) => Header::new(REQUEST_ID, id),
            Self::Generated { .. } => Header::new(REQUEST_ID, self.to_string()),
        }
    }
}

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supplied(id) => f.write_str(id),
            Self::Generated { prefix, number } => write!(f, "{prefix:08x}-{number}"),
        }
    }
}

fn is_valid(id: &str) -> bool {
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
