//! The guard of what is published: nobody is looked at, so nothing that is shown can be wrong.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::caller::use_cases;
use super::pass::outcome;
use crate::problem::ProblemKind;
use userd_service::Tokens;

/// Anybody may, whatever they show.
pub(crate) struct Public<'r> {
    tokens: &'r Tokens,
}

impl<'r> Public<'r> {
    /// What is published of tokens for other services.
    pub(crate) fn tokens(&self) -> &'r Tokens {
        self.tokens
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Public<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, use_cases(request).map(|use_cases| Self { tokens: &use_cases.tokens }))
    }
}
