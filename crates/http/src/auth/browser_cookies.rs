//! The argument of handlers that set or clear cookies.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::cookies::SessionCookies;
use super::fetch_site::FetchSite;
use crate::problem::{Problem, ProblemKind};

/// The cookies of a request: which names hold for it, the trusted device it names, and the site it was sent for.
pub(crate) struct BrowserCookies<'r> {
    /// The cookies to clear. Those to set are [`BrowserCookies::same_site`].
    pub(crate) cookies: SessionCookies,
    /// The token of a trusted device, if one came as a cookie.
    pub(crate) device: Option<&'r str>,
    site: FetchSite,
}

impl<'r> BrowserCookies<'r> {
    /// Those of `request`.
    pub(super) fn of(request: &'r Request<'_>) -> Result<Self, Problem> {
        let cookies = SessionCookies::of(request);
        let site = FetchSite::of(request, cookies.scheme())?;
        Ok(Self { cookies, device: cookies.device(request.headers()), site })
    }

    /// The cookies to set. Refuses another site, which would sign its visitor in here.
    pub(crate) fn same_site(&self) -> Result<SessionCookies, Problem> {
        self.site.reject_cross_site().map(|()| self.cookies)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for BrowserCookies<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        match Self::of(request) {
            Ok(cookies) => Outcome::Success(cookies),
            Err(problem) => Outcome::Error(problem.stash(request)),
        }
    }
}
