//! What the operator says about Redis: where it is, who we are to it, and what is allowed. Values only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use userd_metrics::Metrics;

/// How often a server is asked again whether accounts are still safe with it, unless a test wants it sooner.
pub const RECHECK_EVERY: Duration = Duration::from_secs(30);

/// How long a store waits before it asks again a holder who is just about to commit or to give up, unless a test
/// wants it sooner.
pub const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Where a server listens.
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

/// The server or servers that keep the users, and how to find those that take writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerTopology {
    /// One server at a fixed address.
    Standalone(NodeAddress),
    /// One primary among replicas; Sentinels know which it is at the moment.
    Sentinel(SentinelSettings),
    /// A cluster; some of its nodes, of which one that answers is enough to find all others.
    Cluster(Vec<NodeAddress>),
}

/// The Sentinels to ask, and for what.
#[derive(Clone, PartialEq, Eq)]
pub struct SentinelSettings {
    /// Where they listen.
    pub addresses: Vec<NodeAddress>,
    /// The name under which they watch the primary.
    pub service: String,
    /// Who we are to them, which is not who we are to Redis.
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

/// Who we are to a server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServerCredentials {
    /// ACL user; `None` is Redis's `default`.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
}

/// When a change counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckRequirement {
    /// When the primary has done it.
    Primary,
    /// When every replica has it, too, and what the answer rests on.
    Replicas,
    /// When it is on the disk of the primary and of every replica.
    Disk,
}

/// What of an acknowledged write survives a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisDurability {
    /// All: `appendfsync always`.
    Always,
    /// All but the last seconds: `appendfsync everysec`.
    EverySec,
    /// What the last snapshot holds.
    Rdb,
    /// Nothing.
    Nothing,
}

/// Where the servers are, who we are to them, and what the operator allows.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of the operator's own switches")]
pub struct RedisSettings {
    /// Where the servers are.
    pub servers: ServerTopology,
    /// Database number; a cluster has only 0.
    pub db: u32,
    /// Who we are to each of them.
    pub login: ServerCredentials,
    /// Speak TLS, to Sentinels too.
    pub tls: bool,
    /// The certificates to trust with TLS, in PEM; `None` are the web's root certificates.
    pub tls_ca: Option<Vec<u8>>,
    /// What all keys begin with.
    pub prefix: String,
    /// When a change counts as done.
    pub acknowledge: AckRequirement,
    /// With [`AckRequirement::Replicas`] and [`AckRequirement::Disk`]: fewer replicas than this are not enough.
    pub replicas_min: usize,
    /// The longest that one call of the store may take.
    pub timeout: Duration,
    /// The most requests under way at once.
    pub in_flight_max: usize,
    /// How often a server is asked again whether accounts are still safe with it.
    pub recheck_every: Duration,
    /// How long to wait before somebody who is busy with an e-mail is asked again.
    pub busy_pause: Duration,
    /// About how many events are kept in all, spread evenly over the shards; at least 100 in each.
    pub events_retention_max: u64,
    /// Serve from a Redis that keeps nothing on disk.
    pub allow_volatile_store: bool,
    /// Serve from a Redis that may evict keys.
    pub allow_eviction: bool,
    /// The operator's word that the policy is `noeviction`, where we may not ask.
    pub assume_noeviction: bool,
    /// The operator's word on what is kept on disk, where we may not ask.
    pub assume_durability: Option<RedisDurability>,
    /// Where round trips are counted.
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
