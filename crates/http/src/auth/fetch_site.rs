//! Protection against cross-site request forgery. Browsers report the site of the page in headers that a page can't
//! forge: `Sec-Fetch-Site` or, without it, `Origin`.
//!
//! This is not CORS, which decides whether a page may *read* a response: a request that is rejected here has no effect.

use rocket::Request;
use rocket::http::Method;

use super::address::HostHeader;
use crate::problem::{Problem, ProblemKind};
use crate::settings::HttpSettings;

/// The site for which a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchSite {
    /// This site, or one in `cors.allowed_origins`.
    Allowed,
    /// Another site.
    CrossSite,
    /// Not reported: the client is not a browser, or an old one.
    Unknown,
}

impl FetchSite {
    /// The site of `request`; pages of this site have `scheme`.
    pub(super) fn of(request: &Request<'_>, scheme: &str) -> Result<Self, Problem> {
        let listed = HttpSettings::of(request)?.access.allowed_origin(request.headers()).is_some();
        let mut origins = request.headers().get("Origin");
        let mut fetch_sites = request.headers().get("Sec-Fetch-Site");
        let is_allowed = match (fetch_sites.next(), fetch_sites.next()) {
            (Some("same-origin"), None) => true,
            (Some("same-site" | "cross-site"), None) => listed,
            (Some(_), _) => false,
            (None, _) => match (origins.next(), origins.next()) {
                (None, _) => return Ok(Self::Unknown),
                (Some(origin), None) => listed || HostHeader::of(request).is_origin(scheme, origin),
                (Some(_), Some(_)) => false,
            },
        };
        Ok(if is_allowed { Self::Allowed } else { Self::CrossSite })
    }

    /// Rejects requests with the user's cookie that another site may have sent.
    pub(super) fn require_allowed(self) -> Result<(), Problem> {
        match self {
            Self::Allowed => Ok(()),
            Self::CrossSite => Err(Problem::usual(ProblemKind::CrossSite)),
            Self::Unknown => {
                let detail = "with a cookie this needs Sec-Fetch-Site: same-origin or the Origin of this site, as \
                              browsers send them; a client that is not a browser sends Authorization: Bearer <token>";
                Err(Problem::new(ProblemKind::CrossSite, detail))
            }
        }
    }

    /// Rejects requests that another site has sent.
    pub(super) fn reject_cross_site(self) -> Result<(), Problem> {
        if self == Self::CrossSite { Err(Problem::usual(ProblemKind::CrossSite)) } else { Ok(()) }
    }
}

/// Whether a method may change state.
pub(crate) fn is_state_changing(method: Method) -> bool {
    !matches!(method, Method::Get | Method::Head | Method::Options)
}
