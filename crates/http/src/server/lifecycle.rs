//! The fairing of every request: it assigns an id, counts the request as in flight, adds the common headers to the
//! response, and writes the access log.
//!
//! One fairing does all of it, because each costs an allocation per request. For the same reason Rocket's Shield is
//! attached empty (it can't be left out) and its three headers are among [`COMMON_HEADERS`]. They are then also on
//! responses to requests that Rocket can't parse, which bypass the fairings.

use std::sync::Arc;
use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Method};
use rocket::request::Request;
use rocket::{Data, Orbit, Response, Rocket};

use super::{access_log, cors};
use crate::request_context::{REQUEST_ID, RequestContext, RequestIdSource, request_id};
use crate::request_drain::RequestDrain;
use userd_core::random::Random;

/// The headers of every response: Shield's defaults, then those that keep addresses and data of users from other sites.
const COMMON_HEADERS: [(&str, &str); 5] = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Permissions-Policy", "interest-cohort=()"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// How much of a body Rocket peeks before the fairings: `_method=delete`.
const FORM_BYTES_PEEKED: usize = 14;

/// The fairing.
pub(crate) struct RequestLifecycle {
    /// The source of request ids.
    pub(crate) ids: Arc<RequestIdSource>,
    /// The number of requests in flight.
    pub(crate) drain: RequestDrain,
    grace: Duration,
}

impl RequestLifecycle {
    /// A fairing with a random prefix of request ids; a shutdown waits for requests in flight at most for `grace`.
    pub(crate) fn new(random: &dyn Random, grace: Duration) -> Self {
        Self { ids: Arc::new(RequestIdSource::new(random)), drain: RequestDrain::default(), grace }
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

/// Undoes Rocket's method override: before all fairings, it takes a `POST` of a form that begins with `_method=` for
/// that method. Any page may send a form to any site without a CORS preflight, so a form must stay a `POST`.
async fn undo_method_override(request: &mut Request<'_>, data: &mut Data<'_>) {
    if request.content_type().is_some_and(|kind| kind.is_form()) {
        // As many bytes as Rocket has peeked, so this does not wait. Rocket skips a leading `&`.
        let start = data.peek(FORM_BYTES_PEEKED).await;
        if start.iter().position(|byte| *byte != b'&').is_some_and(|at| start[at..].starts_with(b"_method")) {
            request.set_method(Method::Post);
        }
    }
}

/// Adds the common headers to `response`, writes the access log, and counts the request.
fn finalize_response<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    for (name, value) in COMMON_HEADERS {
        response.set_header(Header::new(name, value));
    }
    cors::apply_headers(request, response);
    response.set_header(Header::new(REQUEST_ID, request_id(request)));
    access_log::record(request, response);
}

/// Does the fairing's work for the response to a request that bypassed it.
pub(super) fn finalize_bypassed_response<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    if RequestContext::of(request).bypassed_fairings() {
        finalize_response(request, response);
    }
}
