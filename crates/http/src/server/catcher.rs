//! The catcher: the problem that a guard left, or one for what Rocket itself rejects.

use rocket::http::Status;
use rocket::response::Responder;
use rocket::{Request, catch, response};

use super::lifecycle::finalize_bypassed_response;
use super::methods;
use crate::problem::{Problem, ProblemKind};

/// A problem as the response of the catcher. Requests that Rocket can't parse bypass the fairings.
pub(crate) struct CaughtProblem(Problem);

impl<'r> Responder<'r, 'r> for CaughtProblem {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let mut response = self.0.respond_to(request)?;
        finalize_bypassed_response(request, &mut response);
        Ok(response)
    }
}

/// The catcher of every status and path.
#[catch(default)]
pub(crate) fn default_catcher(status: Status, request: &Request<'_>) -> CaughtProblem {
    CaughtProblem(Problem::take_stashed(request).unwrap_or_else(|| match status.code {
        404 => Problem::not_found(),
        413 => Problem::new(ProblemKind::BodyTooLarge, "the body is too large"),
        // No guard left a problem, so Rocket could not parse the method or the path.
        400 => methods::unknown_method(request).unwrap_or_else(bad_request),
        code if code < 500 => bad_request(),
        // A panic. std has logged its place; the request's id connects the response with the log.
        _ => Problem::usual(ProblemKind::Internal).with_cause(HandlerPanic),
    }))
}

fn bad_request() -> Problem {
    Problem::new(ProblemKind::BadRequest, "the method or the path is malformed")
}

/// The cause of a 500 that did not come from a handler.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked; the panic's own message is on stderr")]
struct HandlerPanic;
