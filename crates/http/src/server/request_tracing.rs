//! A span for each request that a route answers, around its guards and its handler.
//!
//! A fairing can't span a handler, so each route's handler is wrapped before it is mounted, if tracing is on. A span
//! has the route, the method and the status, and no data about the caller.

use std::sync::Arc;

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::route::{self, Handler, Route};
use rocket::{Data, Request, async_trait};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::access_log::TRACE_PARENT;
use crate::request_context::RequestContext;
use crate::settings::JoinTrace;

/// The same routes, each in a span for its request.
pub(crate) fn wrap_routes(routes: Vec<Route>, join: Option<&JoinTrace>) -> Vec<Route> {
    let Some(join) = join else { return routes };
    let wrap = |mut route: Route| {
        let pattern = route.uri.path().to_owned();
        route.handler = Box::new(TracedHandler { inner: route.handler, pattern, join: Arc::clone(join) });
        route
    };
    routes.into_iter().map(wrap).collect()
}

#[derive(Clone)]
struct TracedHandler {
    inner: Box<dyn Handler>,
    pattern: String,
    join: JoinTrace,
}

#[async_trait]
impl Handler for TracedHandler {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        let context = RequestContext::of(request);
        let (method, route) = (context.method.as_str(), self.pattern.as_str());
        // The names are those of OpenTelemetry's conventions for HTTP.
        let span = tracing::info_span!(
            target: "userd::trace",
            "request",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
        );
        if let Some(id) = (self.join)(&span, request.headers().get_one(TRACE_PARENT)) {
            // A route that forwards to another one stays in the same trace.
            let _ = context.trace_id.set(id);
        }
        let outcome = self.inner.handle(request, data).instrument(span.clone()).await;
        let status = match &outcome {
            Outcome::Success(response) => response.status(),
            Outcome::Error(status) | Outcome::Forward((_, status)) => *status,
        };
        span.record("http.response.status_code", status.code);
        if status.code >= Status::InternalServerError.code {
            span.record("otel.status_code", "ERROR");
        }
        outcome
    }
}
