//! Settings for a store on the Redis servers of a test: the defaults, and an address.

use std::sync::Arc;
use std::time::Duration;

use userd_store::EVENTS_RETENTION_DEFAULT;
use userd_store_redis::{
    AckRequirement, BUSY_PAUSE, NodeAddress, RECHECK_EVERY, RedisSettings, SentinelSettings, ServerCredentials,
    ServerTopology,
};

/// The defaults for one server on this port.
#[must_use]
pub fn at(port: u16) -> RedisSettings {
    of(ServerTopology::Standalone(NodeAddress::new("127.0.0.1", port)))
}

/// The defaults for the cluster that these nodes belong to.
#[must_use]
pub fn cluster(nodes: Vec<NodeAddress>) -> RedisSettings {
    of(ServerTopology::Cluster(nodes))
}

/// The defaults for the primary that these Sentinels watch under the name `service`.
#[must_use]
pub fn sentinel(sentinels: Vec<NodeAddress>, service: &str) -> RedisSettings {
    let (service, login) = (service.to_owned(), ServerCredentials::default());
    of(ServerTopology::Sentinel(SentinelSettings { addresses: sentinels, service, login }))
}

fn of(servers: ServerTopology) -> RedisSettings {
    RedisSettings {
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
        events_retention_max: EVENTS_RETENTION_DEFAULT,
        allow_volatile_store: false,
        allow_eviction: false,
        assume_noeviction: false,
        assume_durability: None,
        metrics: Arc::default(),
    }
}
