//! The actor of a request: address, user agent and principal. It is stored with sessions and events.
//!
//! It is not a permission: `http` authorises requests.

use std::fmt;
use std::net::IpAddr;

use super::{ApiKeyId, SessionId};

/// The most bytes that are stored of a user agent: up to 64, Redis keeps a field of a hash compact.
pub const USER_AGENT_BYTES_MAX: usize = 64;

/// Who made a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// The client's address, as far as the proxy configuration lets userd trust it.
    pub address: Option<IpAddr>,
    /// The client's program.
    pub agent: UserAgent,
    /// The authenticated principal.
    pub principal: PrincipalId,
}

impl Actor {
    /// An actor about which nothing is known.
    #[must_use]
    pub fn anonymous() -> &'static Self {
        static ANONYMOUS: Actor =
            Actor { address: None, agent: UserAgent(String::new()), principal: PrincipalId::Anonymous };
        &ANONYMOUS
    }
}

/// The stored form of an address: 4 bytes, 16 bytes, or none.
#[must_use]
pub fn address_to_bytes(address: Option<IpAddr>) -> Vec<u8> {
    match address {
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().to_vec(),
        None => Vec::new(),
    }
}

/// The address in its stored form.
///
/// # Errors
/// If there are neither 0, 4 nor 16 bytes.
pub fn address_from_bytes(bytes: &[u8]) -> Result<Option<IpAddr>, &'static str> {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(octets), _) => Ok(Some(IpAddr::from(octets))),
        (_, Ok(octets)) => Ok(Some(IpAddr::from(octets))),
        _ if bytes.is_empty() => Ok(None),
        _ => Err("an address has 0, 4 or 16 bytes"),
    }
}

/// As whom a request was authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PrincipalId {
    /// Not authenticated.
    #[default]
    Anonymous,
    /// The user of this session.
    Session(SessionId),
    /// A service with this API key.
    ApiKey(ApiKeyId),
}

impl PrincipalId {
    /// Parses the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => text.is_empty().then_some(Self::Anonymous),
            Some(("session", id)) => SessionId::parse(id).map(Self::Session),
            Some(("key", id)) => ApiKeyId::parse(id).map(Self::ApiKey),
            Some(_) => None,
        }
    }

    /// The session, if the principal has one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Session(id) => Some(*id),
            Self::Anonymous | Self::ApiKey(_) => None,
        }
    }
}

impl fmt::Display for PrincipalId {
    /// Empty, `session:<id>` or `key:<id>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => Ok(()),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::ApiKey(id) => write!(f, "key:{id}"),
        }
    }
}

/// The `User-Agent` of a client, shortened. Informational only: no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserAgent(String);

impl UserAgent {
    /// Shortens `text`: removes what all browsers send and control characters, and truncates to
    /// [`USER_AGENT_BYTES_MAX`] bytes.
    #[must_use]
    pub fn shorten(text: &str) -> Self {
        let text: String = text.chars().filter(|char| !char.is_control()).collect();
        let text = text.replace("(KHTML, like Gecko)", "");
        let words = text
            .split_whitespace()
            .filter(|word| *word != "Mozilla/5.0" && !word.starts_with("AppleWebKit/") && !word.starts_with("Gecko/"));
        let mut short = words.collect::<Vec<_>>().join(" ");
        let end = (0..=USER_AGENT_BYTES_MAX.min(short.len())).rev().find(|end| short.is_char_boundary(*end));
        short.truncate(end.unwrap_or_default());
        Self(short)
    }

    /// Wraps stored text.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text; empty if the client sent none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_every_browser_says_is_left_out() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/126.0.0.0 Safari/537.36";
        assert_eq!(UserAgent::shorten(chrome).as_str(), "(Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36");
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        assert_eq!(UserAgent::shorten(firefox).as_str(), "(X11; Linux x86_64; rv:128.0) Firefox/128.0");
        assert_eq!(UserAgent::shorten("curl/8.5.0\r\nX: y").as_str(), "curl/8.5.0X: y");
    }

    #[test]
    fn a_caller_is_read_back_from_what_is_written() {
        let session = SessionId::from_slice(&[7; 16]).expect("sixteen bytes");
        for principal in
            [PrincipalId::Anonymous, PrincipalId::Session(session), PrincipalId::ApiKey(ApiKeyId::generate([9; 8]))]
        {
            assert_eq!(PrincipalId::from_stored(&principal.to_string()), Some(principal));
        }
        for text in ["x", ":", "session:", "key:xyz", "user:7"] {
            assert_eq!(PrincipalId::from_stored(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_kept_within_the_limit_and_without_control_characters(text in any::<String>()) {
            let agent = UserAgent::shorten(&text);
            prop_assert!(agent.as_str().len() <= USER_AGENT_BYTES_MAX);
            prop_assert!(!agent.as_str().chars().any(char::is_control));
        }
    }
}
