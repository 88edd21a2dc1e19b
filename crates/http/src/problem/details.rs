//! A problem, and how a guard hands one to the catcher.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use rocket::Request;
use rocket::http::Status;
use serde::Serialize;

use super::kind::ProblemKind;

/// The target of the log lines.
const LOG_TARGET: &str = "userd::problem";

/// One problem: what the client gets, and the cause for the log.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(super) detail: Cow<'static, str>,
    pub(super) errors: Vec<FieldError>,
    pub(super) headers: Vec<(&'static str, String)>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened this time.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), cause: None }
    }

    /// A problem of this kind with its usual detail.
    pub(crate) fn usual(kind: ProblemKind) -> Self {
        Self::new(kind, kind.usual_detail())
    }

    /// Fields are invalid, each for the reason in `errors`.
    pub(crate) fn invalid_fields(detail: impl Into<Cow<'static, str>>, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(ProblemKind::InvalidFields, detail) }
    }

    /// The path supports the methods in `allow`, and not this one.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("this path supports {allow}");
        Self::new(ProblemKind::MethodNotAllowed, detail).with_header("Allow", allow)
    }

    /// The path does not exist.
    pub(crate) fn not_found() -> Self {
        Self::usual(ProblemKind::NotFound)
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a cause, which is logged and not sent.
    pub(crate) fn with_cause(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Leaves the problem in the request for the catcher, and returns the error of the guard: of that, Rocket passes on
    /// only the status.
    pub(crate) fn stash(self, request: &Request<'_>) -> (Status, ProblemKind) {
        let kind = self.kind;
        *request.local_cache(StashedProblem::default).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
        (kind.status(), kind)
    }

    /// Takes the problem that a guard left.
    pub(crate) fn take_stashed(request: &Request<'_>) -> Option<Self> {
        request.local_cache(StashedProblem::default).0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Logs the cause, with its whole chain, in one line. Nothing in it comes from the request.
    pub(super) fn log(&self, id: &str) {
        let Some(cause) = &self.cause else { return };
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(source) = next {
            let _ = write!(chain, ": {source}");
            next = source.source();
        }
        let (problem, cause) = (self.kind.slug(), chain);
        match self.kind.status_code() {
            500 => tracing::error!(target: LOG_TARGET, %id, problem, cause, "a request failed"),
            503 => tracing::warn!(target: LOG_TARGET, %id, problem, cause, "a request failed temporarily"),
            _ => tracing::debug!(target: LOG_TARGET, %id, problem, cause, "a request was rejected"),
        }
    }
}

#[derive(Default)]
struct StashedProblem(Mutex<Option<Problem>>);

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// The broken rule; follows the field's name: "must not be empty".
    pub(crate) detail: String,
    /// The field (RFC 6901).
    pub(crate) pointer: String,
}

impl FieldError {
    /// The field `name`, which is a plain word, breaks the rule in `detail`.
    pub(super) fn new(name: &str, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), pointer: format!("/{name}") }
    }

    /// The error as a sentence about the field.
    pub(crate) fn sentence(&self) -> String {
        format!("{} {}", self.pointer.trim_start_matches('/'), self.detail)
    }
}
