//! The settings of the store: where the servers are, the login, and what the operator allows. Values only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use userd_metrics::Metrics;

/// How often each server is rechecked. Tests set a shorter interval.
pub const RECHECK_EVERY: Duration = Duration::from_secs(30);

/// Pause before a busy claim is resolved again. Tests set a shorter pause.
pub const BUSY_PAUSE: Duration = Duration::from_millis(20);

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

/// The Sentinels, and the service that they watch.
#[derive(Clone, PartialEq, Eq)]
pub struct SentinelSettings {
    /// Their addresses.
    pub addresses: Vec<NodeAddress>,
    /// The name under which they watch the primary.
    pub service: String,
    /// The login to the Sentinels, which is not the login to Redis.
    pub login: ServerCredentials,
}

impl fmt::Debug for SentinelSettings {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentinelSettings")
            .field("addresses", &self.addresses)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// The login to a server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServerCredentials {
    /// The ACL user; `None` is Redis's `default`.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
}

/// When a change is acknowledged (`redis.acknowledge`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckRequirement {
    /// When the primary has made it.
    Primary,
    /// When every replica has it, too, together with the state that the answer depends on.
    Replicas,
    /// When it is on the disk of the primary and of every replica.
    Disk,
}

/// Which acknowledged writes survive a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisDurability {
    /// All: `appendfsync always`.
    Always,
    /// All but those of the last seconds: `appendfsync everysec`.
    EverySec,
    /// Those in the last snapshot.
    Rdb,
    /// None.
    Nothing,
}

/// The settings of the store.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate setting of the operator")]
pub struct RedisSettings {
    /// Where the servers are.
    pub servers: ServerTopology,
    /// Database number; a cluster has only 0.
    pub db: u32,
    /// The login to each of them.
    pub login: ServerCredentials,
    /// Use TLS, with the Sentinels too.
    pub tls: bool,
    /// The certificates to trust with TLS, in PEM; `None`: the public root certificates.
    pub tls_ca: Option<Vec<u8>>,
    /// The prefix of all keys.
    pub prefix: String,
    /// When a change is acknowledged (`redis.acknowledge`).
    pub acknowledge: AckRequirement,
    /// The minimum number of replicas with [`AckRequirement::Replicas`] and [`AckRequirement::Disk`].
    pub replicas_min: usize,
    /// The time limit of one call of the store.
    pub timeout: Duration,
    /// The most requests in flight.
    pub in_flight_max: usize,
    /// How often each server is rechecked.
    pub recheck_every: Duration,
    /// Pause before a busy claim is resolved again.
    pub busy_pause: Duration,
    /// About how many events are kept in total, spread evenly over the shards; at least 100 in each.
    pub events_retention_max: u64,
    /// Accept a Redis that keeps nothing on disk.
    pub allow_volatile_store: bool,
    /// Accept a Redis that may evict keys.
    pub allow_eviction: bool,
    /// The operator's declaration that the policy is `noeviction`, if userd may not ask.
    pub assume_noeviction: bool,
    /// The operator's declaration of what is kept on disk, if userd may not ask.
    pub assume_durability: Option<RedisDurability>,
    /// The metrics of round trips.
    pub metrics: Arc<Metrics>,
}

impl RedisSettings {
    /// The defaults for one server at this address.
    #[must_use]
    pub fn at(host: &str, port: u16) -> Self {
        Self::of(ServerTopology::Standalone(NodeAddress::new(host, port)))
    }

    /// The defaults for the cluster that these nodes belong to.
    #[must_use]
    pub fn cluster(nodes: Vec<NodeAddress>) -> Self {
        Self::of(ServerTopology::Cluster(nodes))
    }

    /// The defaults for the primary that these Sentinels watch under the name `service`.
    #[must_use]
    pub fn sentinel(sentinels: Vec<NodeAddress>, service: &str) -> Self {
        let service = service.to_owned();
        Self::of(ServerTopology::Sentinel(SentinelSettings {
            addresses: sentinels,
            service,
            login: ServerCredentials::default(),
        }))
    }

    fn of(servers: ServerTopology) -> Self {
        Self {
            servers,
            db: 0,
            login: ServerCredentials::default(),
            tls: false,
            tls_ca: None,
            prefix: "userd:".to_owned(),
            acknowledge: AckRequirement::Primary,
            replicas_min: 1,
            timeout: Duration::from_secs(1),
            in_flight_max: 4096,
            recheck_every: RECHECK_EVERY,
            busy_pause: BUSY_PAUSE,
            events_retention_max: userd_store::EVENTS_RETENTION_DEFAULT,
            allow_volatile_store: false,
            allow_eviction: false,
            assume_noeviction: false,
            assume_durability: None,
            metrics: Arc::default(),
        }
    }
}

impl fmt::Debug for RedisSettings {
    /// Without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("servers", &self.servers)
            .field("db", &self.db)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
