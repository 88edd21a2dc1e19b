//! CORS (the Fetch standard): which other origins' pages may read responses. Only those in `cors.allowed_origins`; if
//! it is empty, no response has a CORS header.
//!
//! CORS does not decide what a page may change: that is `auth::fetch_site` and the guard.

use rocket::http::Header;
use rocket::{Request, Response};

use crate::settings::HttpSettings;

/// Headers that a page may read, besides the safelisted ones.
const EXPOSED_HEADERS: &str = "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// Headers that a page may send, besides the safelisted ones.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id";

/// How long a browser may cache the response to a preflight, in seconds.
const PREFLIGHT_MAX_AGE_S: &str = "600";

/// Lets the page of an allowed origin read `response`. Every response varies by `Origin`, also if the request has none.
pub(super) fn apply_headers<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    let Ok(settings) = HttpSettings::of(request) else { return };
    if settings.access.allowed_origins.is_empty() {
        return;
    }
    response.adjoin_header(Header::new("Vary", "Origin"));
    if let Some(origin) = allowed_origin(request) {
        response.set_header(Header::new("Access-Control-Allow-Origin", origin));
        response.set_header(Header::new("Access-Control-Allow-Credentials", "true"));
        response.set_header(Header::new("Access-Control-Expose-Headers", EXPOSED_HEADERS));
    }
}

/// Answers a preflight from an allowed origin for a path with the methods in `allow`.
pub(super) fn answer_preflight(request: &Request<'_>, allow: &str, response: &mut Response<'_>) {
    if allowed_origin(request).is_some() && request.headers().contains("Access-Control-Request-Method") {
        response.set_header(Header::new("Access-Control-Allow-Methods", allow.to_owned()));
        response.set_header(Header::new("Access-Control-Allow-Headers", ALLOWED_HEADERS));
        response.set_header(Header::new("Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S));
    }
}

/// The request's origin, if it is allowed.
fn allowed_origin<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    HttpSettings::of(request).ok()?.access.allowed_origin(request.headers())
}
