//! The address of the client, and the host name that the request uses.
//!
//! Headers are not trusted, because any client can send them; only what a trusted proxy has added is.

use std::borrow::Cow;
use std::net::IpAddr;

use rocket::Request;
use rocket::http::HeaderMap;

use crate::access::TrustedProxies;

/// The client's address: the peer of the connection or, if that is a trusted proxy, the entry of `X-Forwarded-For` that
/// the first trusted proxy has added. If the list is too short or the entry is not an address, the peer's.
pub(super) fn client_address(request: &Request<'_>, proxies: &TrustedProxies) -> Option<IpAddr> {
    let peer = request.remote()?.ip().to_canonical();
    if !proxies.trusts(peer) {
        return Some(peer);
    }
    let entries: Vec<&str> = request.headers().get("X-Forwarded-For").flat_map(|list| list.split(',')).collect();
    let index = entries.len().checked_sub(proxies.depth);
    let forwarded = index.and_then(|index| entries.get(index)?.trim().parse::<IpAddr>().ok());
    Some(forwarded.map_or(peer, |address| address.to_canonical()))
}

/// Whether a proxy has forwarded the request. A proxy would expose to the network what is for this machine only.
pub(super) fn is_forwarded(headers: &HeaderMap<'_>) -> bool {
    headers.iter().any(|header| {
        let name = header.name().as_str();
        let begins = name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("X-Forwarded-"));
        begins || ["Forwarded", "Via", "X-Real-IP"].into_iter().any(|word| name.eq_ignore_ascii_case(word))
    })
}

/// The `Host` of a request: name and port.
pub(super) enum HostHeader<'r> {
    /// None.
    Missing,
    /// One.
    Single(Cow<'r, str>),
    /// More than one.
    Multiple,
}

impl<'r> HostHeader<'r> {
    /// The host of `request`.
    pub(super) fn of(request: &'r Request<'_>) -> Self {
        let mut named = request.headers().get("Host");
        match (named.next(), named.next()) {
            (Some(one), None) => Self::Single(Cow::Borrowed(one)),
            (Some(_), Some(_)) => Self::Multiple,
            // HTTP/2 has it in `:authority`.
            (None, _) => request.host().map_or(Self::Missing, |host| Self::Single(Cow::Owned(host.to_string()))),
        }
    }

    /// Whether it is a loopback name or address.
    pub(super) fn is_loopback(&self) -> bool {
        let Self::Single(host) = self else { return false };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
            None => host.split_once(':').map_or(&**host, |(name, _)| name),
        };
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// Whether `origin` is this host with `scheme`.
    pub(super) fn is_origin(&self, scheme: &str, origin: &str) -> bool {
        let Self::Single(host) = self else { return false };
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let rest = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host.strip_suffix(default_port).unwrap_or(host)))
    }
}
