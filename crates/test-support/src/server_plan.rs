//! How a Redis server of a test is started: program, arguments, configuration file. The running server is in
//! `redis_server`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::redis_server::{RedisServer, free_port};
use super::test_authority::TestAuthority;

/// The path of the server program that tests start: Redis or Valkey. Unset, it is `redis-server` on the `PATH`.
pub const PROGRAM_VARIABLE: &str = "USERD_TEST_REDIS_SERVER";

/// The program where nothing else is chosen.
const DEFAULT_PROGRAM: &str = "redis-server";

/// What every server that keeps accounts is started with unless a test says otherwise.
const DEFAULTS: [&str; 12] = [
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--maxmemory",
    "256mb",
    "--maxmemory-policy",
    "noeviction",
    // A replica that asks is served at once, and not five seconds later together with others.
    "--repl-diskless-sync-delay",
    "0",
];

/// How a server is started.
#[derive(Clone)]
pub struct RedisServerPlan {
    program: PathBuf,
    arguments: Vec<String>,
    config: Option<String>,
    environment: Vec<(String, String)>,
}

impl RedisServerPlan {
    /// A server that keeps an append-only file and never evicts.
    pub fn persistent() -> Self {
        Self::bare().with(&DEFAULTS)
    }

    /// A server with its own defaults.
    pub fn bare() -> Self {
        Self { program: configured_program(), arguments: Vec::new(), config: None, environment: Vec::new() }
    }

    /// With more arguments (`--name value …`), which win over those before them.
    pub fn with(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// With a configuration file that begins like this, which the server may write to.
    pub fn config(self, text: &str) -> Self {
        Self { config: Some(text.to_owned()), ..self }
    }

    /// With more in its environment.
    pub fn in_environment(mut self, more: &[(String, String)]) -> Self {
        self.environment.extend_from_slice(more);
        self
    }

    /// Clients need TLS. Always Debian's server: those of the matrix are built without it.
    pub fn tls(mut self, authority: &TestAuthority) -> Self {
        self.arguments.extend(authority.arguments());
        Self { program: DEFAULT_PROGRAM.into(), ..self }
    }

    /// Starts it on a free port.
    pub fn start(self) -> RedisServer {
        for _ in 0..20 {
            // Otherwise somebody else took the port in between: try another.
            if let Some(server) = self.clone().try_at(free_port()) {
                return server;
            }
        }
        panic!("{} does not start with {:?}", self.program.display(), self.arguments);
    }

    /// Starts it at this port; nothing if it can't be had.
    pub fn try_at(mut self, port: u16) -> Option<RedisServer> {
        if self.argument("--cluster-enabled").is_some() {
            self = self.with(&["--cluster-port", &free_port().to_string()]);
        }
        let folder = TempDir::new().expect("a folder for the server");
        if let Some(text) = &self.config {
            fs::write(config_file(folder.path()), text).expect("a configuration file");
        }
        RedisServer::run(self, port, folder)
    }

    /// The server's process, with its data in the folder.
    pub fn spawn(&self, port: u16, folder: &Path) -> Child {
        let port = port.to_string();
        let ports: &[&str] = if self.has_tls() { &["--port", "0", "--tls-port", &port] } else { &["--port", &port] };
        Command::new(&self.program)
            .args(self.config.as_ref().map(|_| config_file(folder)))
            .args(ports)
            .args(["--bind", "127.0.0.1", "--daemonize", "no", "--dir"])
            .arg(folder)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} can't be started ({error}): install it with `apt-get install redis-server`, or set \
                     {PROGRAM_VARIABLE} to the path of a server",
                    self.program.display()
                )
            })
    }

    /// The value of an argument, the last if it is there more than once.
    pub fn argument(&self, name: &str) -> Option<&str> {
        let at = self.arguments.iter().rposition(|argument| argument == name)?;
        self.arguments.get(at + 1).map(String::as_str)
    }

    /// Whether clients need TLS.
    pub fn has_tls(&self) -> bool {
        self.argument("--tls-cert-file").is_some()
    }
}

fn config_file(folder: &Path) -> PathBuf {
    folder.join("server.conf")
}

/// The program that tests start, as it is named.
pub fn configured_program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks which server the tests run on")]
    let chosen = std::env::var_os(PROGRAM_VARIABLE);
    chosen.map_or_else(|| DEFAULT_PROGRAM.into(), PathBuf::from)
}

/// Where the chosen program lies.
pub fn resolved_program() -> PathBuf {
    let chosen = configured_program();
    #[expect(clippy::disallowed_methods, reason = "the way in which the system finds a program, too")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A name with a slash is a path, and `join` leaves an absolute one as it is.
    let by_name = std::env::split_paths(&path).map(|folder| folder.join(&chosen)).find(|found| found.exists());
    by_name.unwrap_or(chosen).canonicalize().expect("it is there, or no server had started")
}
