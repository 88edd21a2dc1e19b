//! A Redis Cluster of its own for a test: real servers on loopback, and the faults they can have.
//!
//! It is formed by commands alone, since not every server comes with a command line client. Which node is primary of
//! what is in `redis_topology`, moving slots in `slot_migration`.
//!
//! A fresh cluster takes about two seconds: primaries that have just started refuse to serve for that long, in case
//! another node serves in their place.

use super::redis_audit::KeySource;
use super::redis_server::{RedisServer, wait_for, wait_up_to};
use super::server_plan::RedisServerPlan;
use super::test_authority::TestAuthority;

/// How many slots a cluster has.
pub const SLOTS: u16 = 16_384;

/// How a cluster is started.
pub struct ClusterPlan {
    primaries: usize,
    replicas_each: usize,
    node: RedisServerPlan,
}

impl ClusterPlan {
    /// This many primaries with this many replicas each. A node is missed after 1.5 s, and a lost shard does not stop
    /// the others.
    pub fn of(primaries: usize, replicas_each: usize) -> Self {
        let node = RedisServerPlan::persistent().with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1500",
            "--cluster-require-full-coverage",
            "no",
        ]);
        Self { primaries, replicas_each, node }
    }

    /// With more arguments for every node, which override those before them.
    pub fn with(self, more: &[&str]) -> Self {
        Self { node: self.node.with(more), ..self }
    }

    /// With TLS for clients and nodes.
    pub fn tls(self, authority: &TestAuthority) -> Self {
        Self { node: self.node.tls(authority).with(&["--tls-cluster", "yes", "--tls-replication", "yes"]), ..self }
    }

    /// With a password for clients and nodes.
    pub fn password(self, password: &str) -> Self {
        self.with(&["--requirepass", password, "--masterauth", password])
    }

    /// Starts the nodes, forms the cluster and waits until it is healthy.
    pub fn start(self) -> RedisCluster {
        let count = self.primaries * (1 + self.replicas_each);
        let node = &self.node;
        let servers: Vec<RedisServer> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..count).map(|_| scope.spawn(|| node.clone().start())).collect();
            starting.into_iter().map(|start| start.join().expect("the server starts")).collect()
        });
        let nodes = servers.into_iter().map(|server| ClusterNode { server, state: ClusterNodeState::Up }).collect();
        let cluster = RedisCluster { nodes };
        cluster.form_cluster(self.primaries);
        cluster
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClusterNodeState {
    Up,
    Frozen,
    Dead,
}

struct ClusterNode {
    server: RedisServer,
    state: ClusterNodeState,
}

/// How a replica becomes primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverMode {
    /// In agreement with its primary; loses nothing.
    Coordinated,
    /// At once, without agreement.
    Takeover,
}

/// A running cluster. Its nodes are numbered from 0, initial primaries first.
pub struct RedisCluster {
    nodes: Vec<ClusterNode>,
}

impl RedisCluster {
    /// This many primaries with this many replicas each.
    pub fn start(primaries: usize, replicas_each: usize) -> Self {
        ClusterPlan::of(primaries, replicas_each).start()
    }

    fn form_cluster(&self, primaries: usize) {
        let per_primary = usize::from(SLOTS).div_ceil(primaries);
        for (number, node) in self.nodes.iter().enumerate() {
            // Nodes with the same epoch would first have to agree whose is the higher.
            node.server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            if number < primaries {
                let end = ((number + 1) * per_primary).min(usize::from(SLOTS)) - 1;
                let first = (number * per_primary).to_string();
                node.server.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &end.to_string()]);
            }
        }
        // Every node meets every other: gossip alone would take seconds.
        for one in &self.nodes {
            for other in self.nodes.iter().filter(|other| other.server.port() != one.server.port()) {
                let (port, bus) = (other.server.port().to_string(), other.server.bus_port());
                one.server.command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
            }
        }
        wait_for("the nodes know each other", || {
            self.up().all(|node| self.known_to(node).iter().filter(|known| known.is_met()).count() == self.nodes.len())
        });
        for replica in primaries..self.nodes.len() {
            let primary = self.own_view(replica % primaries).id;
            self.server(replica).command(&["CLUSTER", "REPLICATE", &primary]);
        }
        self.wait_until_healthy();
    }

    /// Waits until every slot is served, all running nodes agree on the slot map, and every replica is in sync.
    pub fn wait_until_healthy(&self) {
        wait_for("the cluster is whole", || {
            let agreed = self.up().all(|node| {
                let info = self.server(node).text(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_slots_ok:{SLOTS}"))
            });
            let mut maps = self.up().map(|node| self.slot_map(node));
            let first = maps.next();
            agreed
                && maps.all(|map| Some(map) == first)
                && self.up().all(|node| self.own_view(node).is_primary || self.server(node).is_replica_in_sync())
        });
    }

    /// How many nodes it has, including dead ones.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The server of a node, for commands of any kind.
    pub fn server(&self, node: usize) -> &RedisServer {
        &self.nodes[node].server
    }

    /// The nodes that run and answer.
    pub fn up(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|&node| self.nodes[node].state == ClusterNodeState::Up)
    }

    /// The ports of all nodes, for clients to start from.
    pub fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.server.port()).collect()
    }

    /// `redis+cluster://…` with all nodes, without a password.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let scheme = if self.server(0).has_tls() { "rediss" } else { "redis" };
        format!("{scheme}+cluster://{}", hosts.join(","))
    }

    /// Ends a node as a crash would.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].server.kill();
        self.nodes[node].state = ClusterNodeState::Dead;
    }

    /// Starts a killed node again on the same port with the same data; it may take a while to rejoin.
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].server.start_again();
        self.nodes[node].state = ClusterNodeState::Up;
    }

    /// Freezes a node (SIGSTOP).
    pub fn freeze(&mut self, node: usize) {
        self.nodes[node].server.freeze();
        self.nodes[node].state = ClusterNodeState::Frozen;
    }

    /// Continues a frozen node (SIGCONT).
    pub fn thaw(&mut self, node: usize) {
        self.nodes[node].server.thaw();
        self.nodes[node].state = ClusterNodeState::Up;
    }

    /// Makes a replica primary, and returns when it is.
    pub fn failover(&self, replica: usize, how: FailoverMode) {
        let words: &[&str] = match how {
            FailoverMode::Coordinated => &["CLUSTER", "FAILOVER"],
            FailoverMode::Takeover => &["CLUSTER", "FAILOVER", "TAKEOVER"],
        };
        for _ in 0..5 {
            self.server(replica).command(words);
            // The server gives up on a coordinated one after five seconds, without an error.
            if wait_up_to(std::time::Duration::from_secs(6), || self.own_view(replica).is_primary) {
                return;
            }
        }
        panic!("node {replica} does not become primary");
    }
}

impl KeySource for RedisCluster {
    fn holders(&self) -> Vec<&RedisServer> {
        self.primaries().into_iter().map(|node| self.server(node)).collect()
    }
}
