//! `REDIS_ADDRESS`, `REDIS_PORT`, `REDIS_DB`, `REDIS_PASSWORD`: how the Rocket + Redis tutorial
//! names its Redis. They choose the store if no source sets `store`; otherwise they are ignored.

use std::net::Ipv6Addr;

use super::error::ConfigOrigin;
use super::layers::ConfigLayers;
use super::reader::ConfigReader;
use super::redis_target::{REDIS_PORT_DEFAULT, RedisTarget, parse_host, parse_number, parse_port};
use userd_core::SecretString;
use userd_store_redis::{NodeAddress, ServerCredentials, ServerTopology};

/// The variable that chooses Redis.
pub(super) const ADDRESS: &str = "REDIS_ADDRESS";

/// The server that the variables name, and where the address was given; `None` without `REDIS_ADDRESS`.
pub(super) fn target<'a>(read: &mut ConfigReader<'a>) -> Option<(RedisTarget, &'a ConfigOrigin)> {
    let (address, origin) = read.layers.legacy_env.get(ADDRESS)?;
    let host = check_host(address.trim()).unwrap_or_else(|text| {
        read.note("store", format!("{ADDRESS} in {origin}: {text}"));
        String::new()
    });
    // Kubernetes and Docker make a REDIS_PORT of this form beside a service called `redis`.
    let port_right = "port: write a number from 1 to 65535 (a value such as tcp://10.0.0.1:6379 comes from the \
        container platform's service links: switch them off, or set USERD_STORE instead)";
    let port = number(read, "REDIS_PORT", port_right, parse_port).unwrap_or(REDIS_PORT_DEFAULT);
    let db = number(read, "REDIS_DB", "database number: write 0, 1, 2 …", parse_number).unwrap_or(0);
    let password = read.layers.legacy_env.get("REDIS_PASSWORD").map(|(text, _)| SecretString::new(text.clone()));
    let servers = ServerTopology::Standalone(NodeAddress { host, port });
    let login = ServerCredentials { username: None, password };
    Some((RedisTarget { servers, db, login, tls: false }, origin))
}

fn number<T>(read: &mut ConfigReader<'_>, name: &str, right: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
    let (text, origin) = read.layers.legacy_env.get(name)?;
    let parsed = parse(text.trim());
    if parsed.is_none() {
        read.note("store", format!("{name} in {origin}: {text:?} is not a {right}"));
    }
    parsed
}

fn check_host(text: &str) -> Result<String, String> {
    if text.contains("://") || text.contains('@') {
        return Err("is a URL: write the host name or address alone, or set USERD_STORE to the URL instead".to_owned());
    }
    let bare_address = || text.parse::<Ipv6Addr>().ok().map(|address| address.to_string());
    parse_host(text)
        .or_else(bare_address)
        .ok_or_else(|| format!("{text:?} is not a host name or address: write it alone, and the port in REDIS_PORT"))
}

/// A warning if the variables are ignored.
pub(super) fn warning(layers: &ConfigLayers, store_origin: &ConfigOrigin) -> Option<String> {
    if layers.legacy_env.contains_key(ADDRESS) {
        return match store_origin {
            ConfigOrigin::Default => None,
            origin => Some(format!("{ADDRESS} and its like are ignored, because `store` is set in {origin}")),
        };
    }
    let (name, (_, origin)) = layers.legacy_env.first_key_value()?;
    Some(format!("{name} in {origin} is ignored: {ADDRESS} alone chooses Redis, and it is not set"))
}
