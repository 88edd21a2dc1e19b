//! What every request passes: it gets an id, it is counted while it is under way, its answer gets the headers
//! that all answers have, and it leaves one line in the access log.
//!
//! One fairing does all of it, because each costs an allocation per request. For the same reason Rocket's
//! Shield is attached empty (it can't be left out) and its three headers are among [`EVERY_ANSWER`]; and so
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

use super::access_log::{self, Seen};
use super::cors;
use userd_core::random::Random;

/// The headers of every answer: Shield's defaults, then those that keep addresses of users and answers about
/// users out of other sites' hands.
const EVERY_ANSWER: [(&str, &str); 5] = [
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
const FORM_BYTES_SEEN: usize = 14;

/// How often the end of the last request is looked for while stopping.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// Rocket's own headers fairing with nothing in it.
pub(super) fn no_shield() -> Shield {
    Shield::new()
}

/// The fairing.
pub(super) struct Front {
    ids: RequestIds,
    drain: Drain,
    grace: Duration,
}

impl Front {
    /// A front whose request ids start with random letters of their own.
    pub(super) fn new(random: &dyn Random, grace: Duration) -> Self {
        let ids = RequestIds(Arc::new(Ids { prefix: u32::from_le_bytes(random.bytes()), next: AtomicU64::new(1) }));
        Self { ids, drain: Drain::default(), grace }
    }

    /// The count of requests under way.
    pub(super) fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// The source of request ids.
    pub(super) fn ids(&self) -> RequestIds {
        self.ids.clone()
    }
}

#[rocket::async_trait]
impl Fairing for Front {
    fn info(&self) -> Info {
        Info { name: "front", kind: Kind::Request | Kind::Response | Kind::Shutdown | Kind::Singleton }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        as_it_came(request, data).await;
        let method = request.method();
        request.local_cache(|| Trace::start(&self.ids, method, Some(self.drain.enter())));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        dress(request, response);
    }

    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        self.drain.wait(self.grace).await;
    }
}

/// Undoes what Rocket does before all fairings: it takes a `POST` of a form that begins with `_method=` for that method.
/// Any page may send a form anywhere, so it must not be what a browser asks for first.
async fn as_it_came(request: &mut Request<'_>, data: &mut Data<'_>) {
    if request.content_type().is_some_and(|kind| kind.is_form()) {
        // As much as Rocket has looked at, so there is nothing to wait for. It passes over an `&`.
        let start = data.peek(FORM_BYTES_SEEN).await;
        if start.iter().position(|byte| *byte != b'&').is_some_and(|at| start[at..].starts_with(b"_method")) {
            request.set_method(Method::Post);
        }
    }
}

/// Puts the headers of every answer onto `response`, writes the line in the access log, and counts.
fn dress<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    for (name, value) in EVERY_ANSWER {
        response.set_header(Header::new(name, value));
    }
    cors::open(request, response);
    response.set_header(RequestId::of(request).header());
    access_log::note(request, response);
}

/// Does for an answer that passes no fairing what the fairing would have done.
pub(super) fn dress_if_unseen<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    if Trace::of(request).under_way.is_none() {
        dress(request, response);
    }
}

/// Where made ids come from: the same random start for the whole process, then a count.
#[derive(Clone)]
pub(super) struct RequestIds(Arc<Ids>);

struct Ids {
    prefix: u32,
    next: AtomicU64,
}

/// What is remembered of a request until it is answered.
pub(super) struct Trace {
    prefix: u32,
    number: u64,
    /// As it came: Rocket turns a `HEAD` into a `GET` on the way.
    pub(super) method: Method,
    /// When.
    pub(super) started: Instant,
    /// Who asks, as far as somebody has looked.
    pub(super) seen: Seen,
    /// The trace that its span is in.
    joined: OnceLock<String>,
    /// Counted while this lives; `None` if the request never passed the fairing.
    under_way: Option<UnderWay>,
}

impl Trace {
    fn start(ids: &RequestIds, method: Method, under_way: Option<UnderWay>) -> Self {
        let number = ids.0.next.fetch_add(1, Ordering::Relaxed);
        Self {
            prefix: ids.0.prefix,
            number,
            method,
            started: Instant::now(),
            seen: Seen::default(),
            joined: OnceLock::new(),
            under_way,
        }
    }

    /// Its span is in the trace with this id.
    pub(super) fn joins(&self, id: String) {
        // A route that forwards to another one stays in the same trace.
        let _ = self.joined.set(id);
    }

    /// The id of the trace that its span is in.
    pub(super) fn joined(&self) -> Option<&str> {
        self.joined.get().map(String::as_str)
    }

    /// Of `request`.
    pub(super) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| {
            let nameless = RequestIds(Arc::new(Ids { prefix: 0, next: AtomicU64::new(0) }));
            let ids = request.rocket().state::<RequestIds>().unwrap_or(&nameless);
            Self::start(ids, request.method(), None)
        })
    }
}

/// The id of a request: the one that came with it, if it is a sane one, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestId<'r> {
    /// From the client or a proxy: up to 64 of `[A-Za-z0-9._-]`, nothing that could break a log or a header.
    Given(&'r str),
    /// Ours.
    Made {
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
            Some(id) if is_sane(id) => Self::Given(id),
            _ => {
                let trace = Trace::of(request);
                Self::Made { prefix: trace.prefix, number: trace.number }
            }
        }
    }

    fn header(self) -> Header<'r> {
        match self {
            Self::Given(id) => Header::new(REQUEST_ID, id),
            Self::Made { .. } => Header::new(REQUEST_ID, self.to_string()),
        }
    }
}

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => f.write_str(id),
            Self::Made { prefix, number } => write!(f, "{prefix:08x}-{number}"),
        }
    }
}

fn is_sane(id: &str) -> bool {
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The count of requests under way, and whether the last one has ended after a stop was asked for.
#[derive(Clone, Default)]
pub(super) struct Drain(Arc<Gauge>);

#[derive(Default)]
struct Gauge {
    under_way: AtomicUsize,
    finished: AtomicBool,
}

/// Stands for one request under way, from its first line to the last byte of its answer: it lies in the
/// request, and Rocket drops that after it has handed on the whole body.
struct UnderWay(Arc<Gauge>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drain {
    fn enter(&self) -> UnderWay {
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(&self.0))
    }

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::Acquire)
    }

    /// Waits until no request is under way, at most for `grace`. Looks twice: a request that had been read
    /// but not counted when the stop was asked for shows up in between.
    async fn wait(&self, grace: Duration) {
        let started = Instant::now();
        let mut quiet = 0;
        while quiet < 2 && started.elapsed() < grace {
            tokio::time::sleep(DRAIN_POLL).await;
            quiet = if self.under_way() == 0 { quiet + 1 } else { 0 };
        }
        let left = self.under_way();
        if left > 0 {
            tracing::warn!(left, "requests still under way are cut off: the time to finish is over");
        }
        self.0.finished.store(true, Ordering::Release);
    }

    /// Ready when [`Drain::wait`] has ended.
    pub(super) async fn finished(&self) {
        while !self.0.finished.load(Ordering::Acquire) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}
