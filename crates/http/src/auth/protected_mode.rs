//! Access without credentials, for programs on this machine: protected mode, and the metrics.

use rocket::Request;

use super::address::{self, HostHeader};
use super::app_state::services;
use super::cookies::SessionCookies;
use super::fetch_site::{self, FetchSite};
use crate::problem::{Problem, ProblemKind};
use crate::settings::HttpSettings;

/// Whether the request comes from this machine, to a loopback name, and not through a proxy.
pub(super) fn is_local_request(request: &Request<'_>) -> bool {
    let host = HostHeader::of(request);
    request.remote().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && !address::is_forwarded(request.headers())
        && (matches!(host, HostHeader::Missing) || host.is_loopback())
}

/// Whether protected mode is on: no API key exists yet, so every caller may do everything.
///
/// It is for this machine only. A page from another site can have its host name resolve to this machine (DNS
/// rebinding), and a proxy can expose it to the network; such requests are a problem that names the fix.
pub(super) async fn is_protected_mode(request: &Request<'_>) -> Result<bool, Problem> {
    if !services(request)?.api_keys.is_empty().await? {
        return Ok(false);
    }
    let refuse = |detail| Err(Problem::new(ProblemKind::Forbidden, detail));
    if !HttpSettings::of(request)?.listen.ip().is_loopback() {
        return refuse(
            "userd has no API key yet and listens on a network address; create a key with `userd api-keys create`",
        );
    }
    if address::is_forwarded(request.headers()) {
        return refuse(
            "userd has no API key yet, so it accepts requests from this machine only, and not through a proxy; \
             create a key with `userd api-keys create`",
        );
    }
    let host = HostHeader::of(request);
    if !matches!(host, HostHeader::Missing) && !host.is_loopback() {
        return refuse(
            "userd has no API key yet, so it accepts requests from this machine only, to the host localhost or \
             127.0.0.1; create a key with `userd api-keys create`",
        );
    }
    if fetch_site::is_state_changing(request.method()) {
        FetchSite::of(request, SessionCookies::of(request).scheme())?.reject_cross_site()?;
    }
    Ok(true)
}
