//! The guard of the metrics: programs on this machine, and services that an administrator trusts.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::caller::is_this_machine;
use super::pass::{Pass, outcome};
use crate::domain::Scope;
use crate::http::problem::ProblemKind;

/// Who asks may see the metrics.
///
/// On this machine nothing that is shown is looked at, so that it works while the store is away.
pub(in crate::http) struct MayScrape(());

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MayScrape {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        if is_this_machine(request) {
            return Outcome::Success(Self(()));
        }
        outcome(request, Pass::check(request, None, Scope::Admin).await.map(|_| Self(())))
    }
}
