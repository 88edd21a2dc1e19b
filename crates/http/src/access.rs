//! The settings of access: sign-up, CORS, proxies. `auth` applies them to a request.

use std::net::{IpAddr, Ipv6Addr};

use rocket::http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Who may sign people up once there is an API key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignUpPolicy {
    /// Every caller.
    #[default]
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
        self.trusted.iter().any(|(network, bits)| contains_address(*network, *bits, address))
    }
}

/// Compares them as IPv6, in which IPv4 is the network `::ffff:0:0/96`.
fn contains_address(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let bits = if network.is_ipv4() { bits.saturating_add(96) } else { bits };
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
    ipv6(network).to_bits() & mask == ipv6(address).to_bits() & mask
}

fn ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Who can call userd: section `[access]`, with what `[cors]` and `[proxy]` say. The defaults are those of
/// `userd.default.toml`: open sign-up, no other origin, no trusted proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// The origin in `headers`, if there is exactly one and it is allowed.
    pub(super) fn allowed_origin(&self, headers: &HeaderMap<'_>) -> Option<&str> {
        let mut origins = headers.get("Origin");
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        self.allowed_origins.iter().map(String::as_str).find(|allowed| *allowed == origin)
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
