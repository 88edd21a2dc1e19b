//! How to reach Redis, as the rest of a `store` text after its scheme says it. Parsing only: nothing is opened here.
//!
//! As in `store_target`, no mistake quotes the text that it is about: it can hold a password.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;

use super::store_target_error::StoreTargetError;
use userd_core::{REDACTED, SecretString};
use userd_store_redis::{NodeAddress, SentinelSettings, ServerCredentials, ServerTopology};

/// The port of Redis where none is given.
pub(super) const REDIS_PORT_DEFAULT: u16 = 6379;
/// The port of Sentinels where none is given.
const SENTINEL_PORT_DEFAULT: u16 = 26379;
/// The longest DNS name (RFC 1035, section 2.3.4), rounded to its usual text form.
const HOST_BYTES_MAX: usize = 253;

/// How to reach Redis or Valkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTarget {
    /// Where the servers are.
    pub servers: ServerTopology,
    /// The number of the database; 0 in a cluster.
    pub db: u32,
    /// User and password.
    pub login: ServerCredentials,
    /// Whether to use TLS.
    pub tls: bool,
}

impl RedisTarget {
    /// The target in what follows `scheme`: `//[user:password@]host[:port][,…][/service][/db]`. The scheme is `redis`
    /// or `rediss`, alone or with `+sentinel` or `+cluster`.
    pub(super) fn parse(scheme: &str, rest: &str) -> Result<Self, StoreTargetError> {
        let rest = rest.strip_prefix("//").ok_or(StoreTargetError::Host)?;
        if rest.contains(['?', '#']) {
            return Err(StoreTargetError::Options);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The last @ is the border, so that one in a password does no harm.
        let (user_info, addresses) = authority.rsplit_once('@').unwrap_or(("", authority));
        let login = parse_user_info(user_info)?;
        let list = |port_default| {
            let addresses = addresses.split(',').map(|text| parse_host_port(text, port_default));
            addresses.collect::<Result<Vec<_>, _>>()
        };
        let (base, topology) = scheme.split_once('+').unwrap_or((scheme, ""));
        let (servers, db) = match topology {
            "" if addresses.contains(',') => return Err(StoreTargetError::SeveralServers),
            "" => (ServerTopology::Standalone(parse_host_port(addresses, REDIS_PORT_DEFAULT)?), parse_database(path)?),
            "sentinel" => {
                let (service, db) = path.split_once('/').unwrap_or((path, ""));
                // Sentinel takes letters, digits and `.-_` for a name (`sentinel.conf`).
                if !is_host_name(service) {
                    return Err(StoreTargetError::NoService);
                }
                let (addresses, service) = (list(SENTINEL_PORT_DEFAULT)?, service.to_owned());
                let sentinels = SentinelSettings { addresses, service, login: ServerCredentials::default() };
                (ServerTopology::Sentinel(sentinels), parse_database(db)?)
            }
            _ => match parse_database(path)? {
                0 => (ServerTopology::Cluster(list(REDIS_PORT_DEFAULT)?), 0),
                _ => return Err(StoreTargetError::DatabaseOnCluster),
            },
        };
        Ok(Self { servers, db, login, tls: base == "rediss" })
    }
}

fn parse_database(text: &str) -> Result<u32, StoreTargetError> {
    if text.is_empty() { Ok(0) } else { parse_number(text).ok_or(StoreTargetError::Database) }
}

fn parse_user_info(text: &str) -> Result<ServerCredentials, StoreTargetError> {
    let (username, password) = text.split_once(':').unwrap_or((text, ""));
    let present = |part: &str| percent_decode(part).map(|decoded| (!decoded.is_empty()).then_some(decoded));
    Ok(ServerCredentials { username: present(username)?, password: present(password)?.map(SecretString::new) })
}

fn parse_host_port(text: &str, port_default: u16) -> Result<NodeAddress, StoreTargetError> {
    let border = if text.starts_with('[') { text.find(']').map(|end| end + 1) } else { text.find(':') };
    let (host, after) = text.split_at(border.unwrap_or(text.len()));
    let host = parse_host(host).ok_or(StoreTargetError::Host)?;
    let port = match after.strip_prefix(':') {
        Some(port) => parse_port(port).ok_or(StoreTargetError::Port)?,
        None if after.is_empty() => port_default,
        None => return Err(StoreTargetError::Port),
    };
    Ok(NodeAddress { host, port })
}

/// A host name, an IPv4 address, or an IPv6 address in brackets, which it loses.
pub(super) fn parse_host(text: &str) -> Option<String> {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
        None => is_host_name(text).then(|| text.to_owned()),
    }
}

/// Whether `text` can be a host name or an IPv4 address.
fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= HOST_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// A port other than 0.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    parse_number(text).and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
}

/// A number in decimal digits alone; `str::parse` would let a `+` pass.
pub(super) fn parse_number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Undoes RFC 3986's percent-encoding. The library leaves a broken one as it is.
fn percent_decode(text: &str) -> Result<String, StoreTargetError> {
    let is_encoded = |rest: &str| rest.as_bytes().get(..2).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_encoded) {
        return Err(StoreTargetError::Encoding);
    }
    percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| StoreTargetError::Encoding)
}

impl fmt::Display for RedisTarget {
    /// The target as one would write it, the password hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topology, addresses, path) = match &self.servers {
            ServerTopology::Standalone(server) => ("", std::slice::from_ref(server), format!("/{}", self.db)),
            ServerTopology::Sentinel(sentinels) => {
                ("+sentinel", sentinels.addresses.as_slice(), format!("/{}/{}", sentinels.service, self.db))
            }
            ServerTopology::Cluster(nodes) => ("+cluster", nodes.as_slice(), String::new()),
        };
        write!(f, "redis{}{topology}://", if self.tls { "s" } else { "" })?;
        match (&self.login.username, &self.login.password) {
            (None, None) => {}
            (Some(username), None) => write!(f, "{username}@")?,
            (username, Some(_)) => write!(f, "{}:{REDACTED}@", username.as_deref().unwrap_or_default())?,
        }
        let addresses: Vec<String> = addresses.iter().map(NodeAddress::to_string).collect();
        write!(f, "{}{path}", addresses.join(","))
    }
}
