//! The settings of a Redis store under test: the defaults, for each topology.

use std::sync::Arc;
use std::time::Duration;

use userd_store_redis::{
    AckRequirement, NodeAddress, RedisSettings, SentinelSettings, ServerCredentials, ServerTopology, StoreIdPolicy,
};

/// The defaults for one server at this address.
pub fn at(host: &str, port: u16) -> RedisSettings {
    of(ServerTopology::Standalone(NodeAddress::new(host, port)))
}

/// The defaults for the cluster that these nodes belong to.
pub fn cluster(nodes: Vec<NodeAddress>) -> RedisSettings {
    of(ServerTopology::Cluster(nodes))
}

/// The defaults for the primary that these Sentinels watch under the name `service`.
pub fn sentinel(sentinels: Vec<NodeAddress>, service: &str) -> RedisSettings {
    let login = ServerCredentials::default();
    of(ServerTopology::Sentinel(SentinelSettings { addresses: sentinels, service: service.to_owned(), login }))
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
        recheck_every: Duration::from_secs(30),
        store_id_every: Duration::from_secs(2),
        store_id: StoreIdPolicy::Enforce,
        busy_pause: Duration::from_millis(20),
        events_retention_max: userd_store::EVENTS_RETENTION_DEFAULT,
        allow_volatile_store: false,
        allow_incomplete_store: false,
        allow_eviction: false,
        assume_noeviction: false,
        assume_durability: None,
        metrics: Arc::default(),
    }
}
