//! The cookies of a session and of a trusted device: their names, how they are set and read.
//!
//! The prefix `__Host-` makes browsers accept them only over TLS, from this host and for all its paths, so that a
//! sibling host can't plant one. Plain HTTP on loopback does not allow the prefix; there, and only there, the names
//! without it are used.

use rocket::Request;
use rocket::http::HeaderMap;

use super::address::{HostHeader, is_forwarded};
use userd_core::TRUSTED_DEVICE_TTL_MS;

const SESSION: [&str; 2] = ["__Host-sid", "sid"];
const DEVICE: [&str; 2] = ["__Host-did", "did"];

/// The names of the cookies for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionCookies {
    /// Whether the request is plain HTTP on loopback.
    plain: bool,
}

impl SessionCookies {
    /// The names for `request`.
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self { plain: HostHeader::of(request).is_loopback() && !is_forwarded(request.headers()) }
    }

    /// The scheme of the pages that have the cookies that are set.
    pub(super) fn scheme(self) -> &'static str {
        if self.plain { "http" } else { "https" }
    }

    /// The session cookies in `headers`, each with the scheme of the pages that have it. More than one is an attack or
    /// a bug of the client.
    pub(super) fn sessions<'r>(self, headers: &'r HeaderMap<'_>) -> impl Iterator<Item = (&'r str, &'static str)> {
        self.find(headers, SESSION)
    }

    /// The device cookie in `headers`, if there is exactly one.
    pub(super) fn device<'r>(self, headers: &'r HeaderMap<'_>) -> Option<&'r str> {
        let mut found = self.find(headers, DEVICE);
        found.next().filter(|_| found.next().is_none()).map(|(value, _)| value)
    }

    fn find<'r>(
        self,
        headers: &'r HeaderMap<'_>,
        names: [&'static str; 2],
    ) -> impl Iterator<Item = (&'r str, &'static str)> {
        let pairs = headers.get("Cookie").flat_map(|list| list.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.filter_map(move |(name, value)| match trim_ows(name) {
            name if name == names[0] => Some((trim_ows(value), "https")),
            name if self.plain && name == names[1] => Some((trim_ows(value), "http")),
            _ => None,
        })
    }

    /// Sets the session's cookie for `seconds`.
    pub(crate) fn set_session(self, token: &str, seconds: u64) -> String {
        self.set(SESSION, token, seconds)
    }

    /// Sets the device's cookie for as long as the device is trusted.
    pub(crate) fn set_device(self, token: &str) -> String {
        self.set(DEVICE, token, TRUSTED_DEVICE_TTL_MS / 1000)
    }

    /// Clears the session's cookie.
    pub(crate) fn clear_session(self) -> String {
        self.set(SESSION, "", 0)
    }

    fn set(self, names: [&'static str; 2], value: &str, seconds: u64) -> String {
        let (name, secure) = if self.plain { (names[1], "") } else { (names[0], " Secure;") };
        format!("{name}={value};{secure} HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}")
    }
}

/// `text` without optional white space (RFC 9110, OWS). Other white space stays: to a browser, a name that begins with
/// it does not begin with `__Host-`, so a sibling host could plant it.
fn trim_ows(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
