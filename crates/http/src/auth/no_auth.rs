//! The guard of what is published: nobody is looked at, so nothing that is shown can be wrong.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::context::outcome;
use super::principal::services;
use crate::problem::ProblemKind;
use userd_service::TokenService;

/// Anybody may, whatever they show.
pub(crate) struct NoAuth<'r> {
    tokens: &'r TokenService,
}

impl<'r> NoAuth<'r> {
    /// What is published of tokens for other services.
    pub(crate) fn tokens(&self) -> &'r TokenService {
        self.tokens
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for NoAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, services(request).map(|services| Self { tokens: &services.tokens }))
    }
}
