//! The settings of access: sign-up, CORS, proxies. `auth` applies them to a request.

use std::net::{IpAddr, Ipv6Addr};

use rocket::Request;

use crate::problem::{Problem, ProblemKind};

/// Who may sign users up once an API key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpPolicy {
    /// Every caller.
    Open,
    /// A service whose API key has the scope `users:write`.
    ApiKey,
}

/// The proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Networks: an address and the length of its prefix in bits.
    pub trusted: Vec<(IpAddr, u8)>,
    /// The position of the client in `X-Forwarded-For`, counted from the end.
    pub depth: usize,
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

/// The settings of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// Who may sign users up.
    pub sign_up: SignUpPolicy,
    /// Origins whose pages may call (CORS), as browsers write them: `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// The trusted proxies.
    pub proxies: TrustedProxies,
}

impl AccessSettings {
    /// The defaults of `userd.default.toml`: open sign-up, no other origin, no trusted proxy.
    #[must_use]
    pub fn new() -> Self {
        let proxies = TrustedProxies { trusted: Vec::new(), depth: 1 };
        Self { sign_up: SignUpPolicy::Open, allowed_origins: Vec::new(), proxies }
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
