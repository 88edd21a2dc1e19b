//! Redis servers for a test's store, in every topology that userd supports, and the settings that reach them.

use std::sync::atomic::{AtomicUsize, Ordering};

use userd_core::SecretString;
use userd_store_redis::{NodeAddress, RedisSettings, ServerCredentials, ServerTopology};

use super::redis_acl::{ACL_USER, AclTarget, create_acl_user, least_privilege_acl};
use super::redis_audit::KeySource;
use super::redis_cluster::RedisCluster;
use super::redis_sentinel::{SERVICE, SentinelGroup};
use super::redis_server::RedisServer;
use super::redis_settings;

/// Running servers, and the settings that reach them. Several stores can share them, each below its own prefix.
pub struct RedisTestTarget {
    /// The servers with the keys.
    pub servers: Box<dyn KeySource + Send + Sync>,
    settings: RedisSettings,
    stores: AtomicUsize,
}

impl RedisTestTarget {
    /// One server where userd has all rights.
    pub fn single() -> Self {
        let server = RedisServer::start();
        let settings = server.settings();
        Self::new(server, settings)
    }

    /// One server where userd has the least privileges.
    pub fn single_with_least_privilege() -> Self {
        let server = RedisServer::start();
        create_acl_user(&server, &least_privilege_acl(AclTarget::Server));
        let settings = RedisSettings { login: login(), ..server.settings() };
        Self::new(server, settings)
    }

    /// A group with Sentinels; userd has the least privileges on all of them.
    pub fn sentinel_with_least_privilege() -> Self {
        let group = SentinelGroup::start();
        let mut settings = redis_settings::sentinel(addresses(&group.ports()), SERVICE);
        for number in 0..3 {
            create_acl_user(group.server(number), &least_privilege_acl(AclTarget::Server));
            create_acl_user(group.sentinel(number), &least_privilege_acl(AclTarget::Sentinel));
        }
        if let ServerTopology::Sentinel(sentinels) = &mut settings.servers {
            sentinels.login = login();
        }
        Self::new(group, RedisSettings { login: login(), ..settings })
    }

    /// A cluster of three primaries; userd has the least privileges on each.
    pub fn cluster_with_least_privilege() -> Self {
        let cluster = RedisCluster::start(3, 0);
        for node in cluster.up() {
            create_acl_user(cluster.server(node), &least_privilege_acl(AclTarget::ClusterNode));
        }
        let settings = RedisSettings { login: login(), ..redis_settings::cluster(addresses(&cluster.ports())) };
        Self::new(cluster, settings)
    }

    fn new(servers: impl KeySource + Send + Sync + 'static, settings: RedisSettings) -> Self {
        Self { servers: Box::new(servers), settings, stores: AtomicUsize::new(0) }
    }

    /// Settings for one more store on these servers: the first is below `userd:`, and none sees another.
    pub fn next_store_settings(&self) -> RedisSettings {
        let prefix = match self.stores.fetch_add(1, Ordering::Relaxed) {
            0 => self.settings.prefix.clone(),
            number => format!("userd:{number}:"),
        };
        RedisSettings { prefix, ..self.settings.clone() }
    }
}

/// Addresses of servers on this machine.
pub fn addresses(ports: &[u16]) -> Vec<NodeAddress> {
    ports.iter().map(|&port| NodeAddress::new("127.0.0.1", port)).collect()
}

fn login() -> ServerCredentials {
    ServerCredentials {
        username: Some(ACL_USER.0.to_owned()),
        password: Some(SecretString::new(ACL_USER.1.to_owned())),
    }
}
