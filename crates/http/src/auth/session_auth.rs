//! Guards of what is about the session that asks.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::context::{AuthContext, Grant, authentication_required, outcome};
use super::cookies::SessionCookies;
use super::fetch_site::FetchSite;
use super::principal::{Principal, PrincipalKind};
use crate::access::AccessPolicy;
use crate::problem::{Problem, ProblemKind};
use userd_core::{Actor, Session, User};
use userd_service::{MintedToken, SessionService};

/// A user with a session that is good.
pub(crate) struct SessionAuth<'r> {
    current: &'r userd_store::SessionWithUser,
    context: AuthContext<'r>,
}

impl<'r> SessionAuth<'r> {
    /// Who asks, as they are now.
    pub(crate) fn user(&self) -> &'r User {
        &self.current.user
    }

    /// By which session.
    pub(crate) fn session(&self) -> &'r Session {
        &self.current.session
    }

    /// A token by which other services know who asks, for `audience` or the usual one.
    pub(crate) async fn mint_token(&self, audience: Option<&str>) -> Result<MintedToken, Problem> {
        Ok(self.context.services.tokens.mint(self.current, audience).await?)
    }

    /// The same, for what is written down.
    pub(crate) fn actor(&self) -> Actor {
        self.context.actor()
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r SessionService {
        &self.context.services.sessions
    }

    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let principal = Principal::of(request).await?;
        match &principal.kind {
            PrincipalKind::User(current) => {
                let context = AuthContext::new(request, principal, Grant::SelfService)?;
                Ok(Self { current, context })
            }
            PrincipalKind::Anonymous => Err(authentication_required()),
            PrincipalKind::Service(_) => {
                let detail =
                    "this is about a session, and an API key has none; send the token that POST /api/login gives";
                Err(Problem::new(ProblemKind::Forbidden, detail))
            }
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SessionAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}

/// A user who signs out. Where the session of a cookie has ended already, the cookie is forgotten all the same; not where
/// another site asks, whose request has come without the cookie.
pub(crate) struct SignOutAuth<'r> {
    /// Who, by which session.
    pub(crate) session_auth: SessionAuth<'r>,
    /// The cookies to forget.
    pub(crate) cookies: SessionCookies,
}

impl<'r> SignOutAuth<'r> {
    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let cookies = SessionCookies::of(request);
        let site = FetchSite::of(request, cookies.kind(), &AccessPolicy::of(request)?.access);
        match SessionAuth::check(request).await {
            Ok(session_auth) => Ok(Self { session_auth, cookies }),
            Err(problem)
                if problem.kind() == ProblemKind::AuthenticationRequired && site.reject_cross_site().is_ok() =>
            {
                Err(problem.with_header("Set-Cookie", cookies.clear_session()))
            }
            Err(problem) => Err(problem),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignOutAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}
