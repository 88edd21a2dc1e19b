//! What every request passes: it gets an id, it is counted while it is under way, its answer gets the headers
//! that all answers have, and it leaves one line in the access log.
//!
//! One fairing does all of it, because each costs an allocation per request. For the same reason Rocket's
//! Shield is attached empty (it can't be left out) and its three headers are among [`COMMON_HEADERS`]; and so
//! they also get onto the answers that Rocket gives past all fairings, to requests that it can't read.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Method};
use rocket::request::Request;
use rocket::shield::Shield;
use rocket::{Data, Orbit, Response, Rocket};

use super::access_log::{self, CallerKindCell};
use super::cors;
use userd_core::random::Random;

/// The headers of every answer: Shield's defaults, then those that keep addresses of users and answers about
/// users out of other sites' hands.
const COMMON_HEADERS: [(&str, &str); 5] = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Permissions-Policy", "interest-cohort=()"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// The longest id that is taken from a client: a UUID or a trace id fits, a story does not.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// The header that carries a request's id, in both directions.
const REQUEST_ID: &str = "X-Request-Id";

/// How much of a body Rocket has looked at before the fairings: `_method=delete`.
const FORM_BYTES_PEEKED: usize = 14;

/// How often the end of the last request is looked for while stopping.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// Rocket's own headers fairing with nothing in it.
pub(super) fn empty_shield() -> Shield {
    Shield::new()
}

/// The fairing.
pub(super) struct RequestLifecycle {
    ids: RequestIdSource,
    drain: RequestDrain,
    grace: Duration,
}

impl RequestLifecycle {
    /// A front whose request ids start with random letters of their own.
    pub(super) fn new(random: &dyn Random, grace: Duration) -> Self {
        let ids = RequestIdSource(Arc::new(IdSequence {
            prefix: u32::from_le_bytes(random.bytes()),
            next: AtomicU64::new(1),
        }));
        Self { ids, drain: RequestDrain::default(), grace }
    }

    /// The count of requests under way.
    pub(super) fn drain(&self) -> RequestDrain {
        self.drain.clone()
    }

    /// The source of request ids.
    pub(super) fn ids(&self) -> RequestIdSource {
        self.ids.clone()
    }
}

#[rocket::async_trait]
impl Fairing for RequestLifecycle {
    fn info(&self) -> Info {
        Info { name: "request lifecycle", kind: Kind::Request | Kind::Response | Kind::Shutdown | Kind::Singleton }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        undo_method_override(request, data).await;
        let method = request.method();
        request.local_cache(|| RequestContext::start(&self.ids, method, Some(self.drain.begin())));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        finalize_response(request, response);
    }

    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        self.drain.wait(self.grace).await;
    }
}

/// Undoes what Rocket does before all fairings: it takes a `POST` of a form that begins with `_method=` for that method.
/// Any page may send a form anywhere, so it must not be what a browser asks for first.
async fn undo_method_override(request: &mut Request<'_>, data: &mut Data<'_>) {
    if request.content_type().is_some_and(|kind| kind.is_form()) {
        // As much as Rocket has looked at, so there is nothing to wait for. It passes over an `&`.
        let start = data.peek(FORM_BYTES_PEEKED).await;
        if start.iter().position(|byte| *byte != b'&').is_some_and(|at| start[at..].starts_with(b"_method")) {
            request.set_method(Method::Post);
        }
    }
}

/// Puts the headers of every answer onto `response`, writes the line in the access log, and counts.
fn finalize_response<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    for (name, value) in COMMON_HEADERS {
        response.set_header(Header::new(name, value));
    }
    cors::apply_headers(request, response);
    response.set_header(RequestId::of(request).header());
    access_log::record(request, response);
}

/// Does for an answer that passes no fairing what the fairing would have done.
pub(super) fn finalize_bypassed_response<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    if RequestContext::of(request).in_flight.is_none() {
        finalize_response(request, response);
    }
}

/// Where made ids come from: the same random start for the whole process, then a count.
#[derive(Clone)]
pub(super) struct RequestIdSource(Arc<IdSequence>);

struct IdSequence {
    prefix: u32,
    next: AtomicU64,
}

/// What is remembered of a request until it is answered.
pub(super) struct RequestContext {
    prefix: u32,
    number: u64,
    /// As it came: Rocket turns a `HEAD` into a `GET` on the way.
    pub(super) method: Method,
    /// When.
    pub(super) started: Instant,
    /// Who asks, as far as somebody has looked.
    pub(super) caller_kind: CallerKindCell,
    /// The trace that its span is in.
    trace_id: OnceLock<String>,
    /// Counted while this lives; `None` if the request never passed the fairing.
    in_flight: Option<InFlight>,
}

impl RequestContext {
    fn start(ids: &RequestIdSource, method: Method, in_flight: Option<InFlight>) -> Self {
        let number = ids.0.next.fetch_add(1, Ordering::Relaxed);
        Self {
            prefix: ids.0.prefix,
            number,
            method,
            started: Instant::now(),
            caller_kind: CallerKindCell::default(),
            trace_id: OnceLock::new(),
            in_flight,
        }
    }

    /// Its span is in the trace with this id.
    pub(super) fn set_trace_id(&self, id: String) {
        // A route that forwards to another one stays in the same trace.
        let _ = self.trace_id.set(id);
    }

    /// The id of the trace that its span is in.
    pub(super) fn trace_id(&self) -> Option<&str> {
        self.trace_id.get().map(String::as_str)
    }

    /// Of `request`.
    pub(super) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| {
            let fallback = RequestIdSource(Arc::new(IdSequence { prefix: 0, next: AtomicU64::new(0) }));
            let ids = request.rocket().state::<RequestIdSource>().unwrap_or(&fallback);
            Self::start(ids, request.method(), None)
        })
    }
}

/// The id of a request: the one that came with it, if it is a sane one, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestId<'r> {
    /// From the client or a proxy: up to 64 of `[A-Za-z0-9._-]`, nothing that could break a log or a header.
    Supplied(&'r str),
    /// Ours.
    Generated {
        /// The same for the whole process.
        prefix: u32,
        /// Counts the requests of the process.
        number: u64,
    },
}

impl<'r> RequestId<'r> {
    /// The id of `request`.
    pub(super) fn of(request: &'r Request<'_>) -> Self {
        match request.headers().get_one(REQUEST_ID) {
            Some(id) if is_valid(id) => Self::Supplied(id),
            _ => {
                let context = RequestContext::of(request);
                Self::Generated { prefix: context.prefix, number: context.number }
            }
        }
    }

    fn header(self) -> Header<'r> {
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

/// The count of requests under way, and whether the last one has ended after a stop was asked for.
#[derive(Clone, Default)]
pub(super) struct RequestDrain(Arc<InFlightCounter>);

#[derive(Default)]
struct InFlightCounter {
    in_flight: AtomicUsize,
    finished: AtomicBool,
}

/// Stands for one request under way, from its first line to the last byte of its answer: it lies in the
/// request, and Rocket drops that after it has handed on the whole body.
struct InFlight(Arc<InFlightCounter>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl RequestDrain {
    fn begin(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(&self.0))
    }

    /// How many requests are under way.
    pub(super) fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Acquire)
    }

    /// Waits until no request is under way, at most for `grace`. Looks twice: a request that had been read
    /// but not counted when the stop was asked for shows up in between.
    async fn wait(&self, grace: Duration) {
        let started = Instant::now();
        let mut quiet = 0;
        while quiet < 2 && started.elapsed() < grace {
            tokio::time::sleep(DRAIN_POLL).await;
            quiet = if self.in_flight() == 0 { quiet + 1 } else { 0 };
        }
        let left = self.in_flight();
        if left > 0 {
            tracing::warn!(left, "requests still under way are cut off: the time to finish is over");
        }
        self.0.finished.store(true, Ordering::Release);
    }

    /// Ready when [`RequestDrain::wait`] has ended.
    pub(super) async fn finished(&self) {
        while !self.0.finished.load(Ordering::Acquire) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}
