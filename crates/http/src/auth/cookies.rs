//! The cookies of a session and of a known device: their names, what is set, what is read.
//!
//! Their names begin with `__Host-`, so a browser takes them only over TLS, from this host and for all of it, and no
//! neighbouring host can plant one. Where a browser talks plain HTTP to its own machine that is not possible: there, and
//! only there, the plain names hold.

use rocket::Request;
use rocket::http::HeaderMap;

use super::address::{HostHeader, is_forwarded};
use userd_core::TRUSTED_DEVICE_TTL_MS;

const SESSION: [&str; 2] = ["__Host-sid", "sid"];
const DEVICE: [&str; 2] = ["__Host-did", "did"];

/// With which of its names a cookie came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CookieKind {
    /// The one that holds everywhere.
    Secure,
    /// The one that holds on loopback.
    Plain,
}

impl CookieKind {
    /// The scheme of a page of ours that has it.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Secure => "https",
            Self::Plain => "http",
        }
    }
}

/// The cookies that hold for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionCookies {
    /// Whether a browser talks plain HTTP to its own machine.
    plain: bool,
}

impl SessionCookies {
    /// Those that hold for `request`.
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self { plain: HostHeader::of(request).is_loopback() && !is_forwarded(request.headers()) }
    }

    /// The kind that is set.
    pub(super) fn kind(self) -> CookieKind {
        if self.plain { CookieKind::Plain } else { CookieKind::Secure }
    }

    /// Every session cookie in `headers` that holds. More than one is somebody's attempt, or a mistake.
    pub(super) fn sessions<'r>(self, headers: &'r HeaderMap<'_>) -> impl Iterator<Item = (&'r str, CookieKind)> {
        self.find(headers, SESSION)
    }

    /// What a device shows, if it shows one thing.
    pub(super) fn device<'r>(self, headers: &'r HeaderMap<'_>) -> Option<&'r str> {
        let mut found = self.find(headers, DEVICE);
        found.next().filter(|_| found.next().is_none()).map(|(value, _)| value)
    }

    fn find<'r>(
        self,
        headers: &'r HeaderMap<'_>,
        names: [&'static str; 2],
    ) -> impl Iterator<Item = (&'r str, CookieKind)> {
        let pairs = headers.get("Cookie").flat_map(|list| list.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.filter_map(move |(name, value)| match trim_ows(name) {
            name if name == names[0] => Some((trim_ows(value), CookieKind::Secure)),
            name if self.plain && name == names[1] => Some((trim_ows(value), CookieKind::Plain)),
            _ => None,
        })
    }

    /// Keeps a session for so many seconds.
    pub(crate) fn set_session(self, token: &str, seconds: u64) -> String {
        self.set(SESSION, token, seconds)
    }

    /// Keeps a device for as long as it is known.
    pub(crate) fn set_device(self, token: &str) -> String {
        self.set(DEVICE, token, TRUSTED_DEVICE_TTL_MS / 1000)
    }

    /// Forgets the session.
    pub(crate) fn clear_session(self) -> String {
        self.set(SESSION, "", 0)
    }

    fn set(self, names: [&'static str; 2], value: &str, seconds: u64) -> String {
        let (name, secure) = if self.plain { (names[1], "") } else { (names[0], " Secure;") };
        format!("{name}={value};{secure} HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}")
    }
}

/// `text` without what may stand around it. No other space than that: to a browser a name that begins with a wider one
/// does not begin with `__Host-`, so a neighbouring host may plant it.
fn trim_ows(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
