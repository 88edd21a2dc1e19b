//! The credential of a request: a session token, an API key, or none. Anything else is rejected with a hint what to
//! send; it never counts as none.
//!
//! `Authorization` takes precedence over a cookie, which a browser sends by itself.

use rocket::Request;
use rocket::http::HeaderMap;

use super::cookies::SessionCookies;
use super::fetch_site::{FetchSite, is_state_changing};
use crate::problem::{Problem, ProblemKind};
use userd_core::{ApiKeyToken, SessionToken};

/// The credential of a request.
pub(super) enum Credential {
    /// A session token.
    Session(SessionToken),
    /// An API key.
    ApiKey(ApiKeyToken),
}

/// The credential in `Authorization`.
pub(super) fn from_authorization(headers: &HeaderMap<'_>) -> Result<Option<Credential>, Problem> {
    let mut values = headers.get("Authorization");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(ProblemKind::BadRequest, "there are two Authorization headers; send one"));
    }
    let token = match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
        _ => {
            return Err(unauthorized(
                "the only supported scheme of Authorization is Bearer; send Authorization: Bearer <token>",
            ));
        }
    };
    if let Some(token) = SessionToken::parse(token) {
        return Ok(Some(Credential::Session(token)));
    }
    ApiKeyToken::parse(token)
        .map(|key| Some(Credential::ApiKey(key)))
        .ok_or_else(|| unauthorized(explain_rejection(token)))
}

/// The credential in the session cookie. For a change of state, the request must have been sent for this site.
pub(super) fn from_cookie(request: &Request<'_>) -> Result<Option<Credential>, Problem> {
    let mut values = SessionCookies::of(request).sessions(request.headers());
    let Some((text, scheme)) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(ProblemKind::BadRequest, "there are two session cookies; send one"));
    }
    let token =
        SessionToken::parse(text).ok_or_else(|| unauthorized("the session cookie is damaged; sign in again"))?;
    if is_state_changing(request.method()) {
        FetchSite::of(request, scheme)?.require_allowed()?;
    }
    Ok(Some(Credential::Session(token)))
}

fn unauthorized(detail: &'static str) -> Problem {
    Problem::new(ProblemKind::AuthenticationRequired, detail)
}

/// Why a token is neither a session token nor an API key.
fn explain_rejection(token: &str) -> &'static str {
    let kind = token.split('.').next().unwrap_or_default();
    match kind {
        "v1" => "the session token is damaged; send it as POST /api/login returned it",
        "k1" => "the API key is damaged; send it as it was printed at its creation",
        "r1" => "this is a refresh token, which is not accepted here; send the session token",
        "d1" => "this is a device token, which is not accepted here; send the session token",
        _ if token.starts_with("eyJ") => {
            "this is a token for other services (JWT); userd itself accepts the session token or an API key"
        }
        _ => "this is not a token of userd; send the session token (v1.…) or an API key (k1.…)",
    }
}
