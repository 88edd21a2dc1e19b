//! CORS (the Fetch standard): which other sites' pages may read answers. Only those that the operator has named; where
//! none is, no answer has a header of it.
//!
//! What a page may have done is not decided here: that is `auth::fetch_site`, and who may is a guard's.

use rocket::http::Header;
use rocket::{Request, Response};

use super::access::AccessPolicy;

/// Headers of ours that a page may read, besides the usual ones.
const EXPOSED_HEADERS: &str = "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// Headers that a page may send, besides the usual ones.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id";

/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE_S: &str = "600";

/// Lets the page of a named site read `response`. Every answer, also that to a request without an `Origin`, says that it
/// depends on it.
pub(super) fn apply_headers<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    let Some(access_policy) = request.rocket().state::<AccessPolicy>() else { return };
    if access_policy.access.allowed_origins.is_empty() {
        return;
    }
    response.adjoin_header(Header::new("Vary", "Origin"));
    if let Some(origin) = allowed_origin(request) {
        response.set_header(Header::new("Access-Control-Allow-Origin", origin));
        response.set_header(Header::new("Access-Control-Allow-Credentials", "true"));
        response.set_header(Header::new("Access-Control-Expose-Headers", EXPOSED_HEADERS));
    }
}

/// Tells the page of a named site what it may send to a path with the methods in `allow`.
pub(super) fn answer_preflight(request: &Request<'_>, allow: &str, response: &mut Response<'_>) {
    if allowed_origin(request).is_some() && request.headers().contains("Access-Control-Request-Method") {
        response.set_header(Header::new("Access-Control-Allow-Methods", allow.to_owned()));
        response.set_header(Header::new("Access-Control-Allow-Headers", ALLOWED_HEADERS));
        response.set_header(Header::new("Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S));
    }
}

/// The site whose page asks, if it is a named one.
fn allowed_origin<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let access_policy = request.rocket().state::<AccessPolicy>()?;
    let mut origins = request.headers().get("Origin");
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    access_policy.access.allowed_origins.iter().map(String::as_str).find(|named| *named == origin)
}
