//! What userd remembers of a request until it is answered: its id, its start, its kind of caller, its trace.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rocket::http::Method;
use rocket::request::Request;

use crate::request_drain::InFlight;
use userd_core::ApiKeyId;
use userd_core::random::Random;

/// The longest id that is accepted from a client: a UUID or a trace id fits.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// The header that carries a request's id, in both directions.
pub(crate) const REQUEST_ID: &str = "X-Request-Id";

/// The source of request ids: a prefix for the process, then a count.
#[derive(Default)]
pub(crate) struct RequestIdSource {
    prefix: u32,
    next: AtomicU64,
}

impl RequestIdSource {
    /// A source with a random prefix.
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self { prefix: u32::from_le_bytes(random.bytes()), next: AtomicU64::new(1) }
    }
}

/// The state of a request, kept in Rocket's request cache.
pub(crate) struct RequestContext {
    generated_id: String,
    /// The method as it arrived: Rocket turns a `HEAD` into a `GET` before routing.
    pub(crate) method: Method,
    /// When the request arrived.
    pub(crate) started: Instant,
    /// The kind of the caller and the id of the API key, for the access log; not set before authentication.
    pub(crate) caller: OnceLock<(&'static str, Option<ApiKeyId>)>,
    /// The id of the trace that the request's span is in.
    pub(crate) trace_id: OnceLock<String>,
    /// Counts the request as in flight; `None` if it bypassed the fairings.
    in_flight: Option<InFlight>,
}

impl RequestContext {
    /// The context of a request that arrives now.
    pub(crate) fn start(ids: &RequestIdSource, method: Method, in_flight: Option<InFlight>) -> Self {
        Self {
            generated_id: format!("{:08x}-{}", ids.prefix, ids.next.fetch_add(1, Ordering::Relaxed)),
            method,
            started: Instant::now(),
            caller: OnceLock::new(),
            trace_id: OnceLock::new(),
            in_flight,
        }
    }

    /// The context of `request`.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| {
            let ids = request.rocket().state::<Arc<RequestIdSource>>().cloned().unwrap_or_default();
            Self::start(&ids, request.method(), None)
        })
    }

    /// Whether the request bypassed the fairings, because Rocket could not parse it.
    pub(crate) fn bypassed_fairings(&self) -> bool {
        self.in_flight.is_none()
    }
}

/// The id of `request`: a generated one, or from the client or a proxy up to 64 of `[A-Za-z0-9._-]`, which can't break
/// a log or a header.
pub(crate) fn request_id<'r>(request: &'r Request<'_>) -> &'r str {
    match request.headers().get_one(REQUEST_ID) {
        Some(id) if is_valid(id) => id,
        _ => &RequestContext::of(request).generated_id,
    }
}

fn is_valid(id: &str) -> bool {
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
