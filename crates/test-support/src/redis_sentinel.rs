//! A primary, two replicas and three Sentinels for a test, which fail over by themselves or on demand.

use std::time::Duration;

use super::redis_audit::KeySource;
use super::redis_server::{RedisServer, wait_for, wait_up_to};
use super::server_plan::RedisServerPlan;

/// The Sentinels' name of the primary.
pub const SERVICE: &str = "accounts";

/// How many servers there are, and how many Sentinels.
const EACH: usize = 3;

/// How many Sentinels have to agree that the primary is down.
const QUORUM: usize = 2;

/// The passwords of a group; none by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct GroupPasswords<'p> {
    /// Of the servers, for clients, replicas and Sentinels.
    pub server: &'p str,
    /// Of the Sentinels, for clients and each other.
    pub sentinel: &'p str,
}

struct GroupMember {
    server: RedisServer,
    answers: bool,
}

/// How often a failover is requested before a test gives up.
const FAILOVERS_MAX: usize = 5;

/// A running group. Servers and Sentinels are numbered from 0; server 0 is the initial primary.
pub struct SentinelGroup {
    servers: Vec<GroupMember>,
    sentinels: Vec<GroupMember>,
}

impl SentinelGroup {
    /// Without passwords.
    pub fn start() -> Self {
        Self::start_with(GroupPasswords::default())
    }

    /// Starts all and waits until the replicas are in sync and the Sentinels know them and each other.
    pub fn start_with(passwords: GroupPasswords<'_>) -> Self {
        // Each has a configuration file: a Sentinel that changes a server's role has it write that down.
        let plan = RedisServerPlan::persistent()
            .with(&["--requirepass", passwords.server, "--masterauth", passwords.server])
            .config("# Written to by Sentinels.\n");
        let primary = plan.clone().start();
        let follow = format!("replicaof 127.0.0.1 {}\n", primary.port());
        let replicas = (1..EACH).map(|_| plan.clone().config(&follow).start()).collect::<Vec<_>>();
        let watch = sentinel_config(primary.port(), passwords);
        let sentinel =
            RedisServerPlan::bare().config(&watch).with(&["--sentinel", "--requirepass", passwords.sentinel]);
        let sentinels = (0..EACH).map(|_| member(sentinel.clone().start())).collect();
        let servers = std::iter::once(primary).chain(replicas).map(member).collect();
        let group = Self { servers, sentinels };
        group.sentinels_up().for_each(|sentinel| group.speed_up(sentinel));
        group.wait_until_healthy();
        group
    }

    /// Waits until the running Sentinels agree on the primary and see it healthy, they and it know all running members,
    /// and every replica is in sync.
    pub fn wait_until_healthy(&self) {
        wait_for("the group is whole", || {
            let Some(primary) = self.agreed_primary().filter(|&primary| self.servers[primary].answers) else {
                return false;
            };
            let answering = |members: &[GroupMember]| members.iter().filter(|member| member.answers).count();
            let (replicas, sentinels) = (answering(&self.servers) - 1, answering(&self.sentinels) - 1);
            self.server(primary).text(&["INFO", "replication"]).contains(&format!("connected_slaves:{replicas}\r"))
                && self.servers_up().all(|server| server == primary || self.server(server).is_replica_in_sync())
                && self.sentinels_up().all(|sentinel| self.sees_whole_group(sentinel, replicas, sentinels))
        });
    }

    /// Makes a Sentinel query servers every second, not every ten, and announce itself five times a second. How soon it
    /// misses a primary does not depend on either.
    fn speed_up(&self, sentinel: usize) {
        self.sentinel(sentinel).command(&["SENTINEL", "DEBUG", "info-period", "1000", "publish-period", "200"]);
    }

    fn sees_whole_group(&self, sentinel: usize, replicas: usize, sentinels: usize) -> bool {
        let number = |name: &str| self.primary_field(sentinel, name).parse::<usize>().expect("a number");
        self.primary_field(sentinel, "flags") == "master"
            && number("num-slaves") >= replicas
            && number("num-other-sentinels") >= sentinels
    }

    /// What a Sentinel reports about the primary.
    fn primary_field(&self, sentinel: usize, field: &str) -> String {
        let fields = self.sentinel(sentinel).texts(&["SENTINEL", "MASTER", SERVICE]);
        let at = fields.iter().position(|name| name == field).unwrap_or_else(|| panic!("no {field} in {fields:?}"));
        fields[at + 1].clone()
    }

    /// The primary, if all running Sentinels report the same.
    fn agreed_primary(&self) -> Option<usize> {
        let mut named = self.sentinels_up().map(|sentinel| self.primary_by(sentinel));
        let first = named.next()?;
        named.all(|other| other == first).then_some(first)
    }

    fn primary_by(&self, sentinel: usize) -> usize {
        let address = self.sentinel(sentinel).texts(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        let port: u16 = address[1].parse().expect("a port");
        (0..EACH).find(|&server| self.server(server).port() == port).expect("a server of the group")
    }

    /// The primary that the Sentinels agree on; waits until they do.
    pub fn primary(&self) -> usize {
        let mut agreed = None;
        wait_for("the Sentinels agree", || {
            agreed = self.agreed_primary();
            agreed.is_some()
        });
        agreed.expect("they have agreed")
    }

    /// The server with this number, for commands of any kind.
    pub fn server(&self, number: usize) -> &RedisServer {
        &self.servers[number].server
    }

    /// The Sentinel with this number, for commands of any kind.
    pub fn sentinel(&self, number: usize) -> &RedisServer {
        &self.sentinels[number].server
    }

    /// The ports of the Sentinels, for clients to start from.
    pub fn ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(|member| member.server.port()).collect()
    }

    /// `redis+sentinel://…` with all Sentinels, without passwords.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{SERVICE}/0", hosts.join(","))
    }

    /// Requests a failover; returns the new primary once the group is healthy again.
    pub fn failover(&self) -> usize {
        let old = self.primary();
        let sentinel = self.sentinels_up().next().expect("a Sentinel that answers");
        // Refused while the Sentinel has not seen healthy replicas for long enough, and abandoned silently when the
        // chosen replica does not become primary in time.
        let over = (0..FAILOVERS_MAX).any(|_| {
            let accepted = wait_up_to(Duration::from_secs(30), || {
                self.sentinel(sentinel).try_command(&["SENTINEL", "FAILOVER", SERVICE]).is_ok()
            });
            assert!(accepted, "the Sentinel refuses to fail over");
            wait_up_to(Duration::from_secs(15), || self.agreed_primary().is_some_and(|now| now != old))
        });
        assert!(over, "the Sentinels make no other server primary");
        self.wait_until_healthy();
        self.primary()
    }

    /// Ends a server as a crash would.
    pub fn kill(&mut self, server: usize) {
        kill(&mut self.servers[server]);
    }

    /// Starts it again on the same port with the same data, in the role that Sentinels gave it.
    pub fn start_again(&mut self, server: usize) {
        start_again(&mut self.servers[server]);
    }

    /// Freezes a server (SIGSTOP).
    pub fn freeze(&mut self, server: usize) {
        freeze(&mut self.servers[server]);
    }

    /// Continues it (SIGCONT).
    pub fn thaw(&mut self, server: usize) {
        thaw(&mut self.servers[server]);
    }

    /// Ends a Sentinel as a crash would.
    pub fn kill_sentinel(&mut self, sentinel: usize) {
        kill(&mut self.sentinels[sentinel]);
    }

    /// Starts it again on the same port.
    pub fn start_sentinel_again(&mut self, sentinel: usize) {
        start_again(&mut self.sentinels[sentinel]);
        self.speed_up(sentinel);
    }

    /// Freezes a Sentinel (SIGSTOP).
    pub fn freeze_sentinel(&mut self, sentinel: usize) {
        freeze(&mut self.sentinels[sentinel]);
    }

    /// Continues it (SIGCONT).
    pub fn thaw_sentinel(&mut self, sentinel: usize) {
        thaw(&mut self.sentinels[sentinel]);
    }

    fn servers_up(&self) -> impl Iterator<Item = usize> + '_ {
        (0..EACH).filter(|&server| self.servers[server].answers)
    }

    fn sentinels_up(&self) -> impl Iterator<Item = usize> + '_ {
        (0..EACH).filter(|&sentinel| self.sentinels[sentinel].answers)
    }
}

/// A Sentinel's configuration: what to watch, with short time-outs.
fn sentinel_config(port: u16, passwords: GroupPasswords<'_>) -> String {
    let mut lines = vec![
        format!("sentinel monitor {SERVICE} 127.0.0.1 {port} {QUORUM}"),
        format!("sentinel down-after-milliseconds {SERVICE} 1000"),
        format!("sentinel failover-timeout {SERVICE} 3000"),
        format!("sentinel parallel-syncs {SERVICE} 2"),
    ];
    if !passwords.server.is_empty() {
        lines.push(format!("sentinel auth-pass {SERVICE} \"{}\"", passwords.server));
    }
    if !passwords.sentinel.is_empty() {
        lines.push(format!("sentinel sentinel-pass \"{}\"", passwords.sentinel));
    }
    lines.push(String::new());
    lines.join("\n")
}

impl KeySource for SentinelGroup {
    fn holders(&self) -> Vec<&RedisServer> {
        vec![self.server(self.primary())]
    }
}

fn member(server: RedisServer) -> GroupMember {
    GroupMember { server, answers: true }
}

fn kill(member: &mut GroupMember) {
    member.server.kill();
    member.answers = false;
}

fn start_again(member: &mut GroupMember) {
    member.server.start_again();
    member.answers = true;
}

fn freeze(member: &mut GroupMember) {
    member.server.freeze();
    member.answers = false;
}

fn thaw(member: &mut GroupMember) {
    member.server.thaw();
    member.answers = true;
}
