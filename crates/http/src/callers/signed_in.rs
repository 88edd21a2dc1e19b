//! Guards of what is about the session that asks.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::caller::{Caller, Who};
use super::cookies::Cookies;
use super::pass::{Pass, Right, nobody, outcome};
use super::site::Site;
use crate::access::Rules;
use crate::problem::{Problem, ProblemKind};
use userd_core::{Client, Session, User};
use userd_service::{Minted, Sessions};

/// A user with a session that is good.
pub(crate) struct SignedIn<'r> {
    found: &'r userd_store::SignedIn,
    pass: Pass<'r>,
}

impl<'r> SignedIn<'r> {
    /// Who asks, as they are now.
    pub(crate) fn user(&self) -> &'r User {
        &self.found.user
    }

    /// By which session.
    pub(crate) fn session(&self) -> &'r Session {
        &self.found.session
    }

    /// A token by which other services know who asks, for `audience` or the usual one.
    pub(crate) async fn token(&self, audience: Option<&str>) -> Result<Minted, Problem> {
        Ok(self.pass.use_cases.tokens.mint(self.found, audience).await?)
    }

    /// The same, for what is written down.
    pub(crate) fn client(&self) -> Client {
        self.pass.client()
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r Sessions {
        &self.pass.use_cases.sessions
    }

    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let caller = Caller::of(request).await?;
        match &caller.who {
            Who::User(found) => {
                let pass = Pass::new(request, caller, Right::Own)?;
                Ok(Self { found, pass })
            }
            Who::Nobody => Err(nobody()),
            Who::Service(_) => {
                let detail =
                    "this is about a session, and an API key has none; send the token that POST /api/login gives";
                Err(Problem::new(ProblemKind::Forbidden, detail))
            }
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignedIn<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}

/// A user who signs out. Where the session of a cookie has ended already, the cookie is forgotten all the same; not where
/// another site asks, whose request has come without the cookie.
pub(crate) struct SigningOut<'r> {
    /// Who, by which session.
    pub(crate) signed_in: SignedIn<'r>,
    /// The cookies to forget.
    pub(crate) cookies: Cookies,
}

impl<'r> SigningOut<'r> {
    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let cookies = Cookies::of(request);
        let site = Site::of(request, cookies.kind(), &Rules::of(request)?.access);
        match SignedIn::check(request).await {
            Ok(signed_in) => Ok(Self { signed_in, cookies }),
            Err(problem) if problem.kind() == ProblemKind::NotSignedIn && site.check().is_ok() => {
                Err(problem.with_header("Set-Cookie", cookies.forget_session()))
            }
            Err(problem) => Err(problem),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SigningOut<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}
