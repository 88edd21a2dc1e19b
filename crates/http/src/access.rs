//! The settings of access: sign-up, CORS, proxies. `auth` applies them to a request.

use std::net::{IpAddr, Ipv6Addr};

use rocket::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::problem::{Problem, ProblemKind};

/// Who may sign people up once there is an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignUpPolicy {
    /// Every caller.
    Open,
    /// Only services whose API key has the scope `users:write`.
    ApiKey,
}

/// The proxies that are trusted to name the client's address: section `[proxy]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedProxies {
    /// The proxies whose X-Forwarded-For is trusted: addresses or networks, such as `10.0.0.7` or `10.0.0.0/8`.
    #[serde(rename = "trusted_proxies", deserialize_with = "networks")]
    #[schemars(with = "Vec<String>")]
    pub trusted: Vec<(IpAddr, u8)>,
    /// Number of proxies in a row: the client is that many places from the end of X-Forwarded-For.
    #[schemars(range(min = 1, max = 8))]
    pub depth: usize,
}

impl Default for TrustedProxies {
    /// No proxy is trusted.
    fn default() -> Self {
        Self { trusted: Vec::new(), depth: 1 }
    }
}

/// Networks: an address and how many of its bits count.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(IpAddr, u8)>, D::Error> {
    let parse = |text: &String| {
        network(text.trim()).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{text:?} is not an address or network: write an address such as 10.0.0.7, or a network such as 10.0.0.0/8"
            ))
        })
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(parse).collect()
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(all);
    (bits <= all).then_some((address, bits))
}

/// Cross-origin requests from browsers (CORS): section `[cors]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsSettings {
    /// Other origins whose pages may call userd from a browser, each as browsers send it: `https://app.example.org`.
    #[serde(deserialize_with = "origins")]
    #[schemars(with = "Vec<String>")]
    pub allowed_origins: Vec<String>,
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    let invalid = origins.iter().find(|origin| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_none_or(|host| {
            host.is_empty() || host.contains(['/', '*', '@', '?', '#']) || host != host.to_ascii_lowercase()
        })
    });
    let right = "write scheme, host and port as browsers do, such as https://app.example.org";
    match invalid {
        Some(origin) => Err(serde::de::Error::custom(format!("{origin:?} is not an origin: {right}"))),
        None => Ok(origins),
    }
}

impl TrustedProxies {
    /// Whether `address` is in one of the networks. An IPv4 address written as IPv6 is the IPv4 address.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|(network, bits)| contains_address(*network, *bits, address.to_canonical()))
    }
}

fn contains_address(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => same_bits(network, address, bits),
        (IpAddr::V6(network), IpAddr::V4(address)) => same_bits(network, address.to_ipv6_mapped(), bits),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    }
}

fn same_bits(network: Ipv6Addr, address: Ipv6Addr, bits: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
    network.to_bits() & mask == address.to_bits() & mask
}

/// Who can call userd: section `[access]`, with what `[cors]` and `[proxy]` say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessSettings {
    /// Who can sign up users once an API key exists.
    pub sign_up: SignUpPolicy,
    /// See [`CorsSettings`].
    #[serde(skip)]
    pub allowed_origins: Vec<String>,
    /// The trusted proxies.
    #[serde(skip)]
    pub proxies: TrustedProxies,
}

impl AccessSettings {
    /// The defaults of `userd.default.toml`: open sign-up, no other origin, no trusted proxy.
    #[must_use]
    pub fn new() -> Self {
        Self { sign_up: SignUpPolicy::Open, allowed_origins: Vec::new(), proxies: TrustedProxies::default() }
    }
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings of access and the address of the listener.
pub(super) struct AccessPolicy {
    /// The settings.
    pub(super) access: AccessSettings,
    /// Whether userd listens on a loopback address, so that only this machine can connect.
    pub(super) loopback: bool,
}

impl AccessPolicy {
    /// The policy of the service that answers `request`.
    pub(super) fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        request.rocket().state().ok_or_else(|| Problem::new(ProblemKind::Internal, "no access policy is managed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(network: &str, bits: u8, address: &str) -> bool {
        let network = network.parse().expect("an address");
        TrustedProxies { trusted: vec![(network, bits)], depth: 1 }.trusts(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_holds_the_addresses_that_share_its_bits() {
        assert!(trust("10.0.0.0", 8, "10.255.0.1") && !trust("10.0.0.0", 8, "11.0.0.1"));
        assert!(trust("10.0.0.7", 32, "10.0.0.7") && !trust("10.0.0.7", 32, "10.0.0.6"));
        assert!(trust("0.0.0.0", 0, "203.0.113.9") && !trust("0.0.0.0", 0, "2001:db8::1"));
        assert!(trust("2001:db8::", 32, "2001:db8:ffff::1") && !trust("2001:db8::", 32, "2001:db9::1"));
        assert!(trust("10.0.0.0", 8, "::ffff:10.1.2.3"), "IPv4 written as IPv6");
        assert!(trust("::ffff:10.0.0.0", 104, "10.1.2.3"), "a network written as IPv6");
    }
}
