//! The guard of the metrics: programs on this machine, and services whose key is for it or for everything.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::context::{AuthContext, outcome};
use super::principal::{Principal, PrincipalKind, is_local_request};
use crate::problem::{Problem, ProblemKind};
use userd_core::Scope;

/// Who asks may see the metrics.
///
/// On this machine nothing that is shown is looked at, so that it works while the store is away.
pub(crate) struct MetricsAuth(());

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MetricsAuth {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        if is_local_request(request) {
            return Outcome::Success(Self(()));
        }
        outcome(request, by_key(request).await)
    }
}

/// Where a key has neither scope, the smaller one is what it lacks.
async fn by_key(request: &Request<'_>) -> Result<MetricsAuth, Problem> {
    let administers = matches!(&Principal::of(request).await?.kind, PrincipalKind::Service(key) if key.scopes.contains(&Scope::Admin));
    let scope = if administers { Scope::Admin } else { Scope::Metrics };
    AuthContext::authorize(request, None, scope).await.map(|_| MetricsAuth(()))
}
