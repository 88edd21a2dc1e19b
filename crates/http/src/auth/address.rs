//! Where a request comes from, and by what name it was sent here.
//!
//! Nothing in a request is believed about it but what a proxy of the operator's has added: anybody can write headers.

use std::borrow::Cow;
use std::net::IpAddr;

use rocket::Request;
use rocket::http::HeaderMap;

use crate::access::TrustedProxies;

/// The client's address: the other end of the connection or, where that is a trusted proxy, the entry that the first
/// trusted proxy has added to `X-Forwarded-For`. A list that is too short or has something else at that place says
/// nothing.
pub(super) fn client_address(request: &Request<'_>, proxies: &TrustedProxies) -> Option<IpAddr> {
    let peer = request.remote()?.ip().to_canonical();
    if !proxies.trusts(peer) {
        return Some(peer);
    }
    let entries: Vec<&str> = request.headers().get("X-Forwarded-For").flat_map(|list| list.split(',')).collect();
    let place = entries.len().checked_sub(proxies.depth);
    let named = place.and_then(|place| entries.get(place)?.trim().parse::<IpAddr>().ok());
    Some(named.map_or(peer, |address| address.to_canonical()))
}

/// Whether a proxy says that it has passed the request on; a proxy would open to the world what is for this machine.
pub(super) fn is_forwarded(headers: &HeaderMap<'_>) -> bool {
    headers.iter().any(|header| {
        let name = header.name().as_str();
        let begins = name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("X-Forwarded-"));
        begins || ["Forwarded", "Via", "X-Real-IP"].into_iter().any(|word| name.eq_ignore_ascii_case(word))
    })
}

/// The name by which a request was sent here, with its port.
pub(super) enum HostHeader<'r> {
    /// It does not say.
    Missing,
    /// This one.
    Single(Cow<'r, str>),
    /// Several.
    Multiple,
}

impl<'r> HostHeader<'r> {
    /// Of `request`.
    pub(super) fn of(request: &'r Request<'_>) -> Self {
        let mut named = request.headers().get("Host");
        match (named.next(), named.next()) {
            (Some(one), None) => Self::Single(Cow::Borrowed(one)),
            (Some(_), Some(_)) => Self::Multiple,
            // HTTP/2 has it elsewhere.
            (None, _) => request.host().map_or(Self::Missing, |host| Self::Single(Cow::Owned(host.to_string()))),
        }
    }

    /// Whether it is a name that only this machine has for itself.
    pub(super) fn is_loopback(&self) -> bool {
        let Self::Single(host) = self else { return false };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
            None => host.split_once(':').map_or(&**host, |(name, _)| name),
        };
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// Whether `origin` is a page of this host's, loaded by `scheme`.
    pub(super) fn is_origin(&self, scheme: &str, origin: &str) -> bool {
        let Self::Single(host) = self else { return false };
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let rest = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host.strip_suffix(usual).unwrap_or(host)))
    }
}
