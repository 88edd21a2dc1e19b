//! What a request shows of itself: a session's token, an API key, or nothing. What is shown and is neither is refused
//! with a sentence that says what to send; it is never taken for nothing.
//!
//! An explicit `Authorization` wins over a cookie, which a browser sends by itself.

use rocket::http::HeaderMap;

use super::cookies::{CookieKind, SessionCookies};
use crate::problem::{Problem, ProblemKind};
use userd_core::{ApiKeyToken, SessionToken};

/// What a request shows.
pub(super) enum Credential {
    /// A session's token, in `Authorization`.
    Session(SessionToken),
    /// A session's token, in a cookie.
    Cookie(SessionToken, CookieKind),
    /// An API key.
    ApiKey(ApiKeyToken),
}

/// What the request shows in `Authorization`.
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
                "userd knows no other Authorization than Bearer; send Authorization: Bearer <token>",
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

/// What the request shows in a cookie.
pub(super) fn from_cookie(headers: &HeaderMap<'_>, cookies: SessionCookies) -> Result<Option<Credential>, Problem> {
    let mut values = cookies.sessions(headers);
    let Some((text, cookie)) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(ProblemKind::BadRequest, "there are two session cookies; send one"));
    }
    let token =
        SessionToken::parse(text).ok_or_else(|| unauthorized("the session cookie is damaged; sign in again"))?;
    Ok(Some(Credential::Cookie(token, cookie)))
}

fn unauthorized(detail: &'static str) -> Problem {
    Problem::new(ProblemKind::AuthenticationRequired, detail)
}

/// What is wrong with a token that is neither a session's nor an API key.
fn explain_rejection(token: &str) -> &'static str {
    let kind = token.split('.').next().unwrap_or_default();
    match kind {
        "v1" => "the session token is damaged; send it whole, as POST /api/login gave it",
        "k1" => "the API key is damaged; send it whole, as it was printed when it was made",
        "r1" => "this is a refresh token, which opens nothing by itself; send the session token",
        "d1" => "this is the token of a device, which opens nothing; send the session token",
        _ if token.starts_with("eyJ") => {
            "this is a token for other services (JWT); userd itself takes the session token or an API key"
        }
        _ => "this is no token of userd; send the session token (v1.…) or an API key (k1.…)",
    }
}
