//! `REDIS_ADDRESS`, `REDIS_PORT`, `REDIS_DB`, `REDIS_PASSWORD`: how the Rocket + Redis tutorial
//! names its Redis. They choose the store if no source sets `store`; otherwise they are ignored.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::error::{ConfigIssue, ConfigOrigin};
use super::redis_target::{REDIS_PORT_DEFAULT, RedisTarget, is_host_name, parse_number, parse_port};
use userd_core::SecretString;
use userd_store_redis::{NodeAddress, ServerCredentials, ServerTopology};

type LegacyEnv = BTreeMap<&'static str, (String, ConfigOrigin)>;

/// The variable that chooses Redis.
pub(super) const ADDRESS: &str = "REDIS_ADDRESS";

/// The server that the variables name, and where the address was given; `None` without `REDIS_ADDRESS`.
pub(super) fn target(legacy_env: &LegacyEnv, issues: &mut Vec<ConfigIssue>) -> Option<(RedisTarget, ConfigOrigin)> {
    let (address, origin) = legacy_env.get(ADDRESS)?;
    let host = parse_host(address).unwrap_or_else(|text| {
        issues.push(ConfigIssue::at_location(format!("{ADDRESS} in {origin}"), text));
        String::new()
    });
    let mut number = |name: &str, right: &str, parse: &dyn Fn(&str) -> Option<u32>| {
        let (text, origin) = legacy_env.get(name)?;
        let parsed = parse(text.trim());
        if parsed.is_none() {
            issues.push(ConfigIssue::at_location(format!("{name} in {origin}"), format!("{text:?} is not a {right}")));
        }
        parsed
    };
    // Kubernetes and Docker make a REDIS_PORT of this form beside a service called `redis`.
    let port_right = "port: write a number from 1 to 65535 (a value such as tcp://10.0.0.1:6379 comes from the \
        container platform's service links: switch them off, or set USERD_STORE instead)";
    let port = number("REDIS_PORT", port_right, &|text| parse_port(text).map(u32::from));
    let db = number("REDIS_DB", "database number: write 0, 1, 2 …", &parse_number).unwrap_or(0);
    let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(REDIS_PORT_DEFAULT);
    let password = legacy_env.get("REDIS_PASSWORD").map(|(text, _)| SecretString::new(text.clone()));
    let servers = ServerTopology::Standalone(NodeAddress { host, port });
    let login = ServerCredentials { username: None, password };
    Some((RedisTarget { servers, db, login, tls: false }, origin.clone()))
}

/// A warning if the variables are ignored.
pub(super) fn warning(legacy_env: &LegacyEnv, store_origin: &ConfigOrigin) -> Option<String> {
    if legacy_env.contains_key(ADDRESS) {
        return match store_origin {
            ConfigOrigin::Default => None,
            origin => Some(format!("{ADDRESS} and its like are ignored, because `store` is set in {origin}")),
        };
    }
    let (name, (_, origin)) = legacy_env.first_key_value()?;
    Some(format!("{name} in {origin} is ignored: {ADDRESS} alone chooses Redis, and it is not set"))
}

fn parse_host(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains("://") || text.contains('@') {
        return Err("is a URL: write the host name or address alone, or set USERD_STORE to the URL instead".to_owned());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return Ok(address.to_string());
    }
    if is_host_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a host name or address: write it alone, and the port in REDIS_PORT"))
}
