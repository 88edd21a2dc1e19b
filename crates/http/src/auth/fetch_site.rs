//! Whether a browser asks on behalf of another site. Browsers say so themselves, in headers that no page can forge:
//! `Sec-Fetch-Site`, and where there is none, `Origin`.
//!
//! Not CORS, which decides whether a page may *read* an answer: what is refused here is not even done.

use rocket::Request;
use rocket::http::Method;

use super::address::HostHeader;
use super::cookies::CookieKind;
use crate::access::AccessSettings;
use crate::problem::{Problem, ProblemKind};

/// On behalf of which site a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchSite {
    /// Of one that may: this one, or one that the operator has named.
    Allowed,
    /// Of another one.
    CrossSite,
    /// The request does not say: its sender is no browser, or an old one.
    Unknown,
}

impl FetchSite {
    /// Of `request`, whose own pages have a cookie of this kind.
    pub(super) fn of(request: &Request<'_>, cookie: CookieKind, access: &AccessSettings) -> Self {
        let mut origins = request.headers().get("Origin");
        let origin = origins.next();
        let several = origins.next().is_some();
        let named = origin
            .filter(|_| !several)
            .is_some_and(|origin| access.allowed_origins.iter().any(|named| named == origin));
        let mut fetch_sites = request.headers().get("Sec-Fetch-Site");
        let is_allowed = match (fetch_sites.next(), fetch_sites.next()) {
            (Some("same-origin"), None) => true,
            (Some("same-site" | "cross-site"), None) => named,
            (Some(_), _) => false,
            (None, _) => match origin {
                None => return Self::Unknown,
                Some(origin) => named || (!several && HostHeader::of(request).is_origin(cookie.scheme(), origin)),
            },
        };
        if is_allowed { Self::Allowed } else { Self::CrossSite }
    }

    /// Refuses what another site has a browser do with the user's cookie, and what could be that.
    pub(super) fn require_allowed(self) -> Result<(), Problem> {
        match self {
            Self::Allowed => Ok(()),
            Self::CrossSite => Err(cross_site()),
            Self::Unknown => {
                let detail = "with a cookie this needs Sec-Fetch-Site: same-origin or the Origin of this site, as browsers \
                              send them; who is no browser sends Authorization: Bearer <token>";
                Err(Problem::new(ProblemKind::CrossSite, detail))
            }
        }
    }

    /// Refuses what another site has a browser do.
    pub(super) fn reject_cross_site(self) -> Result<(), Problem> {
        if self == Self::CrossSite { Err(cross_site()) } else { Ok(()) }
    }
}

fn cross_site() -> Problem {
    let detail = "the browser says that another site asks; ask from a page of this site, or have the operator add that \
                  site to cors.allowed_origins";
    Problem::new(ProblemKind::CrossSite, detail)
}

/// Whether a method changes something.
pub(super) fn is_state_changing(method: Method) -> bool {
    !matches!(method, Method::Get | Method::Head | Method::Options)
}
