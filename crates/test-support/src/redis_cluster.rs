//! A Redis Cluster of a test's own: real servers on loopback that were made a cluster, and what can befall them.
//!
//! Formed by commands alone, since not every server comes with a command line of its own. Who is primary of what
//! is in `redis_topology`, the moving of slots in `redis_slot_move`.
//!
//! A fresh cluster takes some two seconds: primaries of one that has just started refuse to serve for as long,
//! in case they were away and somebody else serves in their place.

use super::redis_audit::KeySource;
use super::redis_server::{RedisServer, wait_for, wait_up_to};
use super::redis_topology::SLOTS;
use super::server_plan::RedisServerPlan;
use super::test_authority::TestAuthority;

/// How a cluster is to be started.
pub struct ClusterPlan {
    primaries: usize,
    replicas_each: usize,
    node: RedisServerPlan,
}

impl ClusterPlan {
    /// So many primaries, each with so many replicas. A node is missed after 1.5 s, and a shard that is gone takes
    /// nobody else's service away.
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

    /// With more arguments for every node, which win over those before them.
    pub fn with(self, more: &[&str]) -> Self {
        Self { node: self.node.with(more), ..self }
    }

    /// Clients and nodes talk TLS.
    pub fn tls(self, authority: &TestAuthority) -> Self {
        Self { node: self.node.tls(authority).with(&["--tls-cluster", "yes", "--tls-replication", "yes"]), ..self }
    }

    /// Users and nodes need this password.
    pub fn password(self, password: &str) -> Self {
        self.with(&["--requirepass", password, "--masterauth", password])
    }

    /// Starts the nodes, makes them a cluster and waits until it is whole.
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
    /// In agreement with its primary, which loses nothing.
    Coordinated,
    /// At once and without asking anybody.
    Takeover,
}

/// A running cluster. Its nodes are numbered from 0, primaries of the beginning first.
pub struct RedisCluster {
    nodes: Vec<ClusterNode>,
}

impl RedisCluster {
    /// So many primaries, each with so many replicas.
    pub fn start(primaries: usize, replicas_each: usize) -> Self {
        ClusterPlan::of(primaries, replicas_each).start()
    }

    fn form_cluster(&self, primaries: usize) {
        let per_primary = usize::from(SLOTS).div_ceil(primaries);
        for (number, node) in self.nodes.iter().enumerate() {
            // Nodes that begin with the same epoch would first have to settle whose is the higher.
            node.server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            if number < primaries {
                let end = ((number + 1) * per_primary).min(usize::from(SLOTS)) - 1;
                let first = (number * per_primary).to_string();
                node.server.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &end.to_string()]);
            }
        }
        // Everybody meets everybody: gossip alone would take seconds to spread the word.
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

    /// Waits until every slot is served, all nodes that are up agree on by whom, and every replica has what its
    /// primary has.
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

    /// How many nodes it has, dead ones too.
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

    /// The ports of all nodes, for clients to begin at.
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

    /// Lets it go on (SIGCONT).
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
            // The server gives up on a coordinated one after five seconds, and tells nobody.
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
