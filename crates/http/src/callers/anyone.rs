//! The guard of what anybody may: signing in, and what else needs no session.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::caller::Caller;
use super::cookies::Cookies;
use super::pass::{Pass, Right, outcome};
use super::site::Site;
use crate::access::Rules;
use crate::problem::{Problem, ProblemKind};
use userd_core::Client;
use userd_service::{Sessions, Tokens};

/// Anybody may. An API key that is shown must be a good one all the same; no session counts.
pub(crate) struct Anyone<'r> {
    pass: Pass<'r>,
    cookies: Cookies,
    device: Option<&'r str>,
    site: Site,
}

impl<'r> Anyone<'r> {
    /// Who asks.
    pub(crate) fn client(&self) -> Client {
        self.pass.client()
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r Sessions {
        &self.pass.use_cases.sessions
    }

    /// What can be done with tokens for other services.
    pub(crate) fn tokens(&self) -> &'r Tokens {
        &self.pass.use_cases.tokens
    }

    /// The token of a known device that came as a cookie.
    pub(crate) fn device(&self) -> Option<&'r str> {
        self.device
    }

    /// The cookies to set, unless it is another site that wants its visitor signed in here.
    pub(crate) fn cookies(&self) -> Result<Cookies, Problem> {
        self.site.check().map(|()| self.cookies)
    }

    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let caller = Caller::without_cookie(request).await?;
        let cookies = Cookies::of(request);
        let site = Site::of(request, cookies.kind(), &Rules::of(request)?.access);
        let device = cookies.device(request.headers());
        Ok(Self { pass: Pass::new(request, caller, Right::Given)?, cookies, device, site })
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Anyone<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}
