//! Problems (RFC 9457): every answer that is no success. `kind` has the statuses, slugs and titles.
//!
//! What went wrong inside is written to the log once, here, with its whole chain of causes, and never leaves.

mod field_error;
mod kind;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::{Mutex, PoisonError};

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Request, Response, catch, response};
use serde::Serialize;

use super::methods;
use super::request_lifecycle::{RequestId, finalize_bypassed_response};
use super::response::{DisplayText, NO_CONTENT, NO_STORE, to_json};
use userd_service::{LimitExceeded, PasswordField};
use userd_store::StoreError;

pub(super) use field_error::FieldError;
pub use kind::ProblemKind;

/// One problem: what the client is told, and for the log why.
#[derive(Debug)]
pub(super) struct Problem {
    kind: ProblemKind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(&'static str, String)>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened this time.
    pub(super) fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), cause: None }
    }

    /// Fields are wrong, each for the reason in `errors`.
    pub(super) fn invalid_fields(detail: impl Into<Cow<'static, str>>, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(ProblemKind::InvalidFields, detail) }
    }

    /// The path does not have this method; it has those in `allow`.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("this path knows {allow}");
        Self::new(ProblemKind::MethodNotAllowed, detail).with_header("Allow", allow)
    }

    /// There is nothing at this path.
    pub(super) fn not_found() -> Self {
        Self::new(ProblemKind::NotFound, "there is nothing at this path")
    }

    /// What kind of problem it is.
    pub(super) fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The same with one more header.
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn with_cause(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Leaves the problem in the request for the catcher: of a guard's error Rocket passes on only the status.
    pub(super) fn stash(self, request: &Request<'_>) -> ProblemKind {
        let kind = self.kind;
        *request.local_cache(StashedProblem::default).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
        kind
    }

    /// One line for the operator, with the whole chain of causes. Nothing in it comes from the request.
    fn log(&self, id: RequestId<'_>) {
        let Some(cause) = &self.cause else { return };
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(source) = next {
            let _ = write!(chain, ": {source}");
            next = source.source();
        }
        match self.kind.status_code() {
            500 => tracing::error!(%id, problem = self.kind.slug(), cause = chain, "a request failed"),
            503 => tracing::warn!(%id, problem = self.kind.slug(), cause = chain, "a request was put off"),
            _ => tracing::debug!(%id, problem = self.kind.slug(), cause = chain, "a request was refused"),
        }
    }
}

impl From<userd_service::Error> for Problem {
    fn from(error: userd_service::Error) -> Self {
        use userd_service::Error;

        let (kind, detail) = match &error {
            Error::EmailTaken => (ProblemKind::EmailTaken, "email already in use"),
            Error::UnknownUser => (ProblemKind::UserNotFound, "user not found"),
            Error::NotAuthenticated => (ProblemKind::InvalidCredentials, "user not authenticated"),
            Error::Disabled => (ProblemKind::AccountDisabled, "the account is disabled"),
            Error::PasswordExpired => {
                (ProblemKind::PasswordExpired, "the password has expired: choose another with PATCH /api/users/<id>")
            }
            Error::PreconditionFailed => {
                (ProblemKind::PreconditionFailed, "the user is not in the state that If-Match names")
            }
            Error::PasswordRejected { field, rule } => {
                let error = match field {
                    PasswordField::Password => FieldError::new("password", rule.to_string()),
                    PasswordField::NewPassword => FieldError::new("new_password", rule.to_string()),
                };
                return Self::invalid_fields(error.sentence(), vec![error]);
            }
            Error::RateLimited(limit) => {
                let headers = rate_limit_headers(limit);
                return Self { headers, ..Self::new(ProblemKind::TooManyAttempts, TOO_MANY_ATTEMPTS) }
                    .with_cause(error);
            }
            Error::NoSession => (ProblemKind::AuthenticationRequired, "the session has ended; sign in again"),
            Error::UnknownSession => (ProblemKind::SessionNotFound, "session not found"),
            Error::RefreshRejected(_) => {
                (ProblemKind::InvalidRefreshToken, "the refresh token is worth nothing; sign in again")
            }
            Error::Busy => (ProblemKind::Busy, "too many passwords are being checked; try again"),
            Error::Contended { .. } => (ProblemKind::Contended, "others kept changing the user; try again"),
            Error::Store(StoreError::Unavailable(_)) => {
                (ProblemKind::StoreUnavailable, "users can't be reached now; try again")
            }
            Error::Store(StoreError::Corrupt { .. }) | Error::HashUnreadable { .. } => {
                (ProblemKind::RecordUnreadable, "what is kept of this user can't be read; the log says more")
            }
            Error::UnknownAudience => {
                let rule = "is none of those that tokens are for (token.audience in userd's configuration)";
                let wrong = FieldError::new("audience", rule);
                return Self::invalid_fields(wrong.sentence(), vec![wrong]);
            }
            Error::InvalidCursor(why) => {
                let wrong = FieldError::new("cursor", why.to_string());
                return Self::invalid_fields(wrong.sentence(), vec![wrong]);
            }
            Error::HashFailed(_) | Error::SigningFailed(_) | Error::KeyUnusable { .. } => {
                (ProblemKind::Internal, INTERNAL)
            }
        };
        Self::new(kind, detail).with_cause(error)
    }
}

const TOO_MANY_ATTEMPTS: &str = "too many wrong passwords; try again after the seconds in Retry-After";

/// When to try again, and what the limit is (draft-ietf-httpapi-ratelimit-headers): `q` at once, in a window of `w`
/// seconds; `r` are left, and in `t` seconds there is one more.
fn rate_limit_headers(limit: &LimitExceeded) -> Vec<(&'static str, String)> {
    let LimitExceeded { name, rate, retry_after_ms } = limit;
    let seconds = retry_after_ms.div_ceil(1000).max(1);
    let window = rate.interval_ms.saturating_mul(rate.burst).div_ceil(1000).max(1);
    vec![
        ("Retry-After", seconds.to_string()),
        ("RateLimit-Policy", format!("\"{name}\";q={};w={window}", rate.burst)),
        ("RateLimit", format!("\"{name}\";r=0;t={seconds}")),
    ]
}

const INTERNAL: &str = "something went wrong; the log says more";

/// A problem that a guard left for the catcher.
#[derive(Default)]
struct StashedProblem(Mutex<Option<Problem>>);

/// What everything that Rocket itself refuses becomes, and what a guard left.
#[catch(default)]
pub(super) fn default_catcher(status: Status, request: &Request<'_>) -> Problem {
    let stashed = request.local_cache(StashedProblem::default).0.lock().unwrap_or_else(PoisonError::into_inner).take();
    stashed.unwrap_or_else(|| match status.code {
        404 => Problem::not_found(),
        413 => Problem::new(ProblemKind::BodyTooLarge, "the body is too large"),
        // Nothing was left, so it is Rocket that could not read the method or the path.
        400 => methods::unknown_method(request).unwrap_or_else(bad_request),
        code if code < 500 => bad_request(),
        // A panic, of which std has written where; the request's id leads from the answer to the log.
        _ => Problem::new(ProblemKind::Internal, INTERNAL).with_cause(HandlerPanic),
    })
}

fn bad_request() -> Problem {
    Problem::new(ProblemKind::BadRequest, "the method or the path can't be understood")
}

/// The cause of a 500 that no handler gave.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked; the panic's own message is on stderr")]
struct HandlerPanic;

/// The document of RFC 9457.
#[derive(Serialize)]
struct ProblemDocument<'a> {
    #[serde(rename = "type")]
    kind: DisplayText<std::fmt::Arguments<'a>>,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    request_id: DisplayText<RequestId<'a>>,
}

impl<'r> Responder<'r, 'r> for Problem {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let id = RequestId::of(request);
        self.log(id);
        let json = to_json(&ProblemDocument {
            kind: DisplayText(format_args!("urn:userd:problem:{}", self.kind.slug())),
            title: self.kind.title(),
            status: self.kind.status_code(),
            detail: &self.detail,
            errors: &self.errors,
            request_id: DisplayText(id),
        });
        let mut response = Response::new();
        response.set_status(self.kind.status());
        response.set_header(ContentType::new("application", "problem+json"));
        for (name, value) in [NO_STORE, NO_CONTENT].into_iter().chain(self.kind.header()) {
            response.set_header(Header::new(name, value));
        }
        for (name, value) in self.headers {
            response.adjoin_header(Header::new(name, value));
        }
        response.set_sized_body(json.len(), Cursor::new(json));
        finalize_bypassed_response(request, &mut response);
        Ok(response)
    }
}
