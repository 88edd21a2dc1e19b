//! The guard of what anybody may: signing in, and what else needs no session.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::context::{AuthContext, Grant, outcome};
use super::cookies::SessionCookies;
use super::fetch_site::FetchSite;
use super::principal::Principal;
use crate::access::AccessPolicy;
use crate::problem::{Problem, ProblemKind};
use userd_core::Actor;
use userd_service::{SessionService, TokenService};

/// Anybody may. An API key that is shown must be a good one all the same; no session counts.
pub(crate) struct OptionalAuth<'r> {
    context: AuthContext<'r>,
    cookies: SessionCookies,
    device: Option<&'r str>,
    site: FetchSite,
}

impl<'r> OptionalAuth<'r> {
    /// Who asks.
    pub(crate) fn actor(&self) -> Actor {
        self.context.actor()
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r SessionService {
        &self.context.services.sessions
    }

    /// What can be done with tokens for other services.
    pub(crate) fn tokens(&self) -> &'r TokenService {
        &self.context.services.tokens
    }

    /// The token of a known device that came as a cookie.
    pub(crate) fn device(&self) -> Option<&'r str> {
        self.device
    }

    /// The cookies to set, unless it is another site that wants its visitor signed in here.
    pub(crate) fn cookies(&self) -> Result<SessionCookies, Problem> {
        self.site.reject_cross_site().map(|()| self.cookies)
    }

    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let principal = Principal::without_cookie(request).await?;
        let cookies = SessionCookies::of(request);
        let site = FetchSite::of(request, cookies.kind(), &AccessPolicy::of(request)?.access);
        let device = cookies.device(request.headers());
        Ok(Self { context: AuthContext::new(request, principal, Grant::Scope)?, cookies, device, site })
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OptionalAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}
