//! A real `redis-server` of its own for a test, on a free port, in its own folder; stopped when dropped.
//!
//! How it is started is in `server_plan`. Several form a cluster (`redis_cluster`) or a group with Sentinels
//! (`redis_sentinel`).

use std::fs;
use std::net::TcpListener;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use userd_store_redis::RedisSettings;

use super::redis_settings;
use super::server_plan::RedisServerPlan;

/// How long the first answer may take; generous, since CI machines are slow.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long a command may take; after that the server hangs or is frozen.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// How long servers may take to agree.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

impl RedisServerPlan {
    /// Starts it on a free port.
    pub fn start(self) -> RedisServer {
        for _ in 0..20 {
            // Otherwise another process took the port in between: try another.
            if let Some(server) = self.clone().try_at(free_port()) {
                return server;
            }
        }
        panic!("the server does not start: {self:?}");
    }

    /// Starts it on this port; `None` if the port is taken.
    pub fn try_at(mut self, port: u16) -> Option<RedisServer> {
        if self.argument("--cluster-enabled").is_some() {
            self = self.with(&["--cluster-port", &free_port().to_string()]);
        }
        let folder = TempDir::new().expect("a folder for the server");
        self.write_config(folder.path());
        RedisServer::run(self, port, folder)
    }
}

/// A running server.
pub struct RedisServer {
    child: Child,
    port: u16,
    plan: RedisServerPlan,
    folder: TempDir,
}

impl RedisServer {
    /// A server that keeps an append-only file and never evicts.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more arguments (`--name value …`), which override the defaults.
    pub fn start_with(more: &[&str]) -> Self {
        RedisServerPlan::persistent().with(more).start()
    }

    /// The same, with more environment variables.
    pub fn start_with_environment(environment: &[(String, String)], more: &[&str]) -> Self {
        RedisServerPlan::persistent().with(more).in_environment(environment).start()
    }

    /// A server with the defaults at a given port.
    pub fn start_on(port: u16) -> Self {
        Self::start_at(port, &[])
    }

    /// A server at a given port, with more arguments.
    pub fn start_at(port: u16, more: &[&str]) -> Self {
        RedisServerPlan::persistent().with(more).try_at(port).expect("the server starts on the port")
    }

    /// Runs a server with its data in the folder; `None` if it ends at once, or never answers.
    pub fn run(plan: RedisServerPlan, port: u16, folder: TempDir) -> Option<Self> {
        let child = plan.spawn(port, folder.path());
        let mut server = Self { child, port, plan, folder };
        server.wait_until_up().then_some(server)
    }

    /// A replica of this server, without automatic failover; in sync when this returns.
    pub fn start_replica(&self) -> Self {
        let password = self.password().unwrap_or_default();
        let plan = RedisServerPlan::persistent().with(&["--replicaof", &format!("127.0.0.1 {}", self.port)]);
        let replica = plan.with(&["--requirepass", password, "--masterauth", password]).start();
        wait_for("the replica is in sync", || replica.is_replica_in_sync());
        replica
    }

    /// Whether it is a replica in sync.
    pub fn is_replica_in_sync(&self) -> bool {
        let info = self.text(&["INFO", "replication"]);
        info.contains("role:slave")
            && info.contains("master_link_status:up")
            && info.contains("master_sync_in_progress:0")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port at which nodes of a cluster talk to each other.
    pub fn bus_port(&self) -> &str {
        self.plan.argument("--cluster-port").expect("it is a node of a cluster")
    }

    /// Whether clients need TLS.
    pub fn has_tls(&self) -> bool {
        self.plan.has_tls()
    }

    /// Its password, if it has one.
    pub fn password(&self) -> Option<&str> {
        self.plan.argument("--requirepass").filter(|password| !password.is_empty())
    }

    /// Settings that reach this server, without its password.
    pub fn settings(&self) -> RedisSettings {
        RedisSettings { tls: self.has_tls(), ..redis_settings::at(self.port) }
    }

    /// `redis://…` of this server, without its password.
    pub fn url(&self) -> String {
        let scheme = if self.has_tls() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0", self.port)
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port with the same data.
    pub fn start_again(&mut self) {
        self.child = self.plan.spawn(self.port, self.folder.path());
        assert!(self.wait_until_up(), "the server does not come back");
    }

    /// Freezes the process (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues it (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// A connection of its own with all rights.
    pub fn connection(&self) -> redis::RedisResult<redis::Connection> {
        let mut info: redis::ConnectionInfo = self.url().parse()?;
        if let Some(password) = self.password() {
            let redis = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(redis);
        }
        let client = match self.plan.argument("--tls-ca-cert-file") {
            Some(file) => {
                let root_cert = Some(fs::read(file).expect("the authority's certificate"));
                redis::Client::build_with_tls(info, redis::TlsCertificates { client_tls: None, root_cert })?
            }
            None => redis::Client::open(info)?,
        };
        let connection = client.get_connection_with_timeout(ANSWER_LIMIT)?;
        connection.set_read_timeout(Some(ANSWER_LIMIT))?;
        Ok(connection)
    }

    /// Sends one command on a connection of its own and returns the raw answer, to inspect or change what the server
    /// holds.
    pub fn command(&self, words: &[&str]) -> redis::Value {
        self.try_command(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The same; an error is returned.
    pub fn try_command(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        command(words).query(&mut self.connection()?)
    }

    /// The same, as strings.
    pub fn texts(&self, words: &[&str]) -> Vec<String> {
        redis::from_redis_value(self.command(words)).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The same, as one string.
    pub fn text(&self, words: &[&str]) -> String {
        redis::from_redis_value(self.command(words)).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Product and version, such as "Redis 7.0.15".
    pub fn product(&self) -> String {
        let info = self.text(&["INFO", "server"]);
        let version = |name: &str| info.lines().find_map(|line| line.trim_end().strip_prefix(name));
        match version("valkey_version:") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", version("redis_version:").expect("every server says its version")),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the server's process takes signals");
    }

    fn wait_until_up(&mut self) -> bool {
        let until = Instant::now() + START_LIMIT;
        while Instant::now() < until {
            if self.child.try_wait().expect("the server's state").is_some() {
                return false;
            }
            if self.is_up() {
                return true;
            }
            pause();
        }
        false
    }

    /// Whether it answers and has loaded its data; another process's server at the port does not count.
    fn is_up(&self) -> bool {
        let Ok(info) = self.try_command(&["INFO"]) else { return false };
        let info: String = redis::from_redis_value(info).unwrap_or_default();
        let ours = format!("process_id:{}\r", self.child.id());
        info.contains(&ours) && !info.contains("\nloading:1")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command of these words.
pub fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    command.arg(words);
    command
}

/// Polls until the condition holds.
pub fn wait_for(what: &str, so: impl FnMut() -> bool) {
    assert!(wait_up_to(WAIT_LIMIT, so), "waited in vain for this: {what}");
}

/// Polls until the condition holds or the time is over; whether it holds.
pub fn wait_up_to(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + limit;
    while !so() {
        if Instant::now() > until {
            return false;
        }
        pause();
    }
    true
}

/// The first port of tests, and their number: below those that Linux gives to outgoing connections (32768 and up), so
/// that a killed server finds its port free when it is started again.
const PORTS: (u32, u32) = (12_000, 20_000);

/// A port that was free just now. Processes start at different ports, and none gives a port twice in a row.
pub fn free_port() -> u16 {
    static PORTS_GIVEN: AtomicU32 = AtomicU32::new(0);
    let (first, count) = PORTS;
    for _ in 0..count {
        let step = std::process::id().wrapping_mul(997).wrapping_add(PORTS_GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(first + step % count).expect("all of them are ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// The pause between two polls.
pub fn pause() {
    #[expect(clippy::disallowed_methods, reason = "waiting for another process, by looking again until a limit")]
    std::thread::sleep(Duration::from_millis(5));
}
