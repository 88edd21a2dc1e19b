//! A line in the access log and a count in the metrics for each request. Without personal data: the route, not the
//! path; the kind of the caller, not the user.

use std::sync::Arc;

use rocket::fairing::AdHoc;
use rocket::http::HeaderMap;
use rocket::{Request, Response};

use crate::request_context::{RequestContext, request_id};
use crate::settings::HttpSettings;
use userd_core::ApiKeyId;
use userd_metrics::Metrics;

/// The header that names the trace of a request (W3C Trace Context).
pub(super) const TRACE_PARENT: &str = "traceparent";

/// Registers all routes with the metrics, once they are mounted.
pub(crate) fn register_routes(metrics: Arc<Metrics>) -> AdHoc {
    AdHoc::on_ignite("routes to be counted", move |rocket| async move {
        metrics.requests.register_routes(rocket.routes().map(|route| route.uri.path()));
        rocket
    })
}

/// Logs and counts `request`.
pub(super) fn record(request: &Request<'_>, response: &Response<'_>) {
    let (context, took) = (RequestContext::of(request), RequestContext::of(request).started.elapsed());
    let route = request.route().map(|route| route.uri.path());
    let (method, status) = (context.method.as_str(), response.status().code);
    if let Ok(settings) = HttpSettings::of(request) {
        settings.metrics.requests.record_request(method, route, status, took);
    }
    let (principal, api_key_id) = context.caller.get().map_or(("-", None), |(kind, key)| (*kind, key.as_ref()));
    tracing::info!(
        target: "userd::access",
        id = %request_id(request),
        method,
        route = route.unwrap_or("-"),
        status,
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        bytes = response.body().preset_size(),
        principal,
        api_key_id = api_key_id.map(ApiKeyId::as_str),
        trace_id = context.trace_id.get().map(String::as_str).or_else(|| parse_trace_parent(request.headers())),
    );
}

/// The id of the trace in a valid `traceparent`.
fn parse_trace_parent<'h>(headers: &'h HeaderMap<'_>) -> Option<&'h str> {
    let mut parts = headers.get_one(TRACE_PARENT)?.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_some = |text: &str| text.bytes().any(|byte| byte != b'0');
    // Later versions may have more parts, version 00 has exactly four. ff is invalid.
    let whole = version != "ff" && (version != "00" || parts.next().is_none());
    let good = whole && is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (good && is_some(trace) && is_some(span)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use rocket::http::Header;

    use super::*;

    #[test]
    fn only_what_the_standard_has_is_taken_for_a_trace() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let cases = [
            (good, true),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-ada@example.org-00f067aa0ba902b7-01", false),
            ("", false),
        ];
        for (text, taken) in cases {
            let mut headers = HeaderMap::new();
            headers.add(Header::new(TRACE_PARENT, text));
            assert_eq!(parse_trace_parent(&headers).is_some(), taken, "{text}");
        }
    }
}
