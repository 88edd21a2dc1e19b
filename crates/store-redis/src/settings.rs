//! The settings of the store: where the servers are, the login, and what the operator allows. Values only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use userd_core::{SecretString, settings};
use userd_metrics::Metrics;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeAddress {
    /// Host name or address; an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl NodeAddress {
    /// This host and port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The servers that keep the users, and how the one that takes writes is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerTopology {
    /// One server at a fixed address.
    Standalone(NodeAddress),
    /// A primary with replicas; Sentinels know which server is the primary.
    Sentinel(SentinelSettings),
    /// A cluster: some of its nodes. One that answers is enough to find the others.
    Cluster(Vec<NodeAddress>),
}

/// The Sentinels to ask, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelSettings {
    /// Their addresses.
    pub addresses: Vec<NodeAddress>,
    /// The name under which they watch the primary.
    pub service: String,
    /// The login to the Sentinels, which is not the login to Redis.
    pub login: ServerCredentials,
}

/// Who we are to a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerCredentials {
    /// The ACL user; `None` is Redis's `default`.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
}

/// When a change counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AckRequirement {
    /// When the primary has made it.
    Primary,
    /// When every replica has it, too, together with the state that the answer depends on.
    Replicas,
    /// When it is on the disk of the primary and of every replica.
    Disk,
}

/// What of an acknowledged write survives a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RedisDurability {
    /// All: `appendfsync always`.
    Always,
    /// All but those of the last seconds: `appendfsync everysec`.
    EverySec,
    /// Those in the last snapshot.
    Rdb,
    /// Nothing.
    #[serde(rename = "none")]
    Nothing,
}

/// What becomes of a store of which a part is lost or foreign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoreIdPolicy {
    /// It is refused, at the start and whenever it is noticed.
    #[default]
    Enforce,
    /// It is used as it is: for commands that only read, and for the doctor, which reports it.
    Ignore,
}

/// Where the servers are, who we are to them, and what the operator allows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of the operator's own switches")]
pub struct RedisSettings {
    /// Where the servers are.
    #[serde(skip, default = "no_servers")]
    pub servers: ServerTopology,
    /// Database number; a cluster has only 0.
    #[serde(skip)]
    pub db: u32,
    /// Who we are to each of them.
    #[serde(skip)]
    pub login: ServerCredentials,
    /// Speak TLS, to Sentinels too.
    #[serde(skip)]
    pub tls: bool,
    /// The certificates to trust with TLS, in PEM; `None` are the web's root certificates.
    #[serde(skip)]
    pub tls_ca: Option<Vec<u8>>,
    /// The prefix of every key: letters, digits and `. _ - :`, ending with a colon.
    #[serde(deserialize_with = "prefix")]
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,31}:$"))]
    pub prefix: String,
    /// When a change is acknowledged.
    pub acknowledge: AckRequirement,
    /// With "replicas" and "disk": the minimum number of replicas.
    #[schemars(range(min = 0, max = 16))]
    pub replicas_min: usize,
    /// Time-out of a store call, in milliseconds.
    #[serde(rename = "timeout_ms", deserialize_with = "settings::millis")]
    #[schemars(with = "u32", range(min = 1, max = 60_000))]
    pub timeout: Duration,
    /// Calls in flight.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub in_flight_max: usize,
    /// How often a server is asked again whether accounts are still safe with it.
    #[serde(skip, default = "recheck_every")]
    pub recheck_every: Duration,
    /// How often a server is asked whether it still holds the same store.
    #[serde(skip, default = "store_id_every")]
    pub store_id_every: Duration,
    /// What becomes of a store of which a part is lost or foreign.
    #[serde(skip)]
    pub store_id: StoreIdPolicy,
    /// Pause before a busy claim is resolved again.
    #[serde(skip, default = "busy_pause")]
    pub busy_pause: Duration,
    /// About how many events are kept in all, spread evenly over the shards; at least 100 in each.
    #[serde(skip)]
    pub events_retention_max: u64,
    /// Allow a Redis without persistence, which loses every account when it restarts.
    pub allow_volatile_store: bool,
    /// Serve what is left of a store that has lost the data of some shards, and mark it as whole again.
    pub allow_incomplete_store: bool,
    /// Allow a Redis that evicts accounts when its memory is full.
    pub allow_eviction: bool,
    /// Declares that maxmemory-policy is noeviction, for a server that does not tell.
    pub assume_noeviction: bool,
    /// Declares how the server persists its data, for a server that does not tell.
    #[serde(deserialize_with = "settings::optional")]
    pub assume_durability: Option<RedisDurability>,
    /// Where round trips are counted.
    #[serde(skip)]
    pub metrics: Arc<Metrics>,
}

/// The servers come from the setting `store`, not from the section `[redis]`.
fn no_servers() -> ServerTopology {
    ServerTopology::Cluster(Vec::new())
}

/// How often each server is rechecked. Tests set a shorter interval.
fn recheck_every() -> Duration {
    Duration::from_secs(30)
}

/// How often each server is asked for the store's id. A lost or swapped store is noticed within 5 seconds: this, and
/// the time-out of the question, which is at most a second.
fn store_id_every() -> Duration {
    Duration::from_secs(2)
}

/// Pause before a busy claim is resolved again. Tests set a shorter pause.
fn busy_pause() -> Duration {
    Duration::from_millis(20)
}

/// A brace would move the shard's hash tag, a space would break patterns of access rules, and without the colon
/// one service's prefix could be the beginning of another's.
fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    /// Every key carries the prefix, so each byte costs a few bytes a user.
    const PREFIX_BYTES_MAX: usize = 32;
    let prefix = String::deserialize(deserializer)?;
    let valid = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte));
    if !valid || !prefix.ends_with(':') || prefix.len() < 2 || prefix.len() > PREFIX_BYTES_MAX {
        return Err(serde::de::Error::custom(format!(
            "{prefix:?} can't be a key prefix: write 2 to {PREFIX_BYTES_MAX} letters, digits or . _ - : with a colon at \
             the end, such as \"userd:\""
        )));
    }
    Ok(prefix)
}

impl RedisSettings {
    /// Whether the servers are the nodes of a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.servers, ServerTopology::Cluster(_))
    }
}
