//! Access without credentials, for programs on this machine: protected mode, and the metrics.

use rocket::Request;

use super::address::{self, HostHeader};
use super::app_state::services;
use super::cookies::SessionCookies;
use super::fetch_site::{self, FetchSite};
use crate::access::AccessPolicy;
use crate::problem::{Problem, ProblemKind};

/// Whether a program on this machine asks, by a name that only this machine has for itself, and through no proxy.
pub(super) fn is_local_request(request: &Request<'_>) -> bool {
    let host = HostHeader::of(request);
    request.remote().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && !address::is_forwarded(request.headers())
        && (matches!(host, HostHeader::Missing) || host.is_loopback())
}

/// Whether everybody may do everything, because no API key was ever made.
///
/// That is for this machine alone. A page that a browser has loaded from elsewhere could have its name point here
/// (DNS rebinding), and a proxy could have let the world in: where either may be, it is a problem that says what to do.
pub(super) async fn is_protected_mode(request: &Request<'_>) -> Result<bool, Problem> {
    let (access_policy, services) = (AccessPolicy::of(request)?, services(request)?);
    if !services.api_keys.is_empty().await.map_err(|error: userd_service::Error| Problem::from(error))? {
        return Ok(false);
    }
    let refuse = |detail| Err(Problem::new(ProblemKind::Forbidden, detail));
    if !access_policy.loopback {
        return refuse("userd has no API key yet, and listens for other machines: `userd api-keys create` makes one");
    }
    if address::is_forwarded(request.headers()) {
        return refuse(
            "userd has no API key yet, so only programs on this machine may ask, and not through a proxy: `userd api-keys \
              create` makes one",
        );
    }
    let host = HostHeader::of(request);
    if !matches!(host, HostHeader::Missing) && !host.is_loopback() {
        return refuse(
            "userd has no API key yet, so only programs on this machine may ask, by the name localhost or 127.0.0.1: \
             `userd api-keys create` makes one",
        );
    }
    if fetch_site::is_state_changing(request.method()) {
        FetchSite::of(request, SessionCookies::of(request).kind(), &access_policy.access).reject_cross_site()?;
    }
    Ok(true)
}
