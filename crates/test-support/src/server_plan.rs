//! How a Redis server of a test is started: program, arguments, configuration file. The running server is in
//! `redis_server`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::test_authority::TestAuthority;

/// The path of the server program that tests start: Redis or Valkey. Unset, it is `redis-server` on the `PATH`.
pub const PROGRAM_VARIABLE: &str = "USERD_TEST_REDIS_SERVER";

/// The default program.
const DEFAULT_PROGRAM: &str = "redis-server";

/// The arguments of every server that keeps accounts, unless a test overrides them.
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
    // A replica is synchronised at once, not after five seconds together with others.
    "--repl-diskless-sync-delay",
    "0",
];

/// How a server is started.
#[derive(Debug, Clone)]
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

    /// With more arguments (`--name value …`), which override those before them.
    pub fn with(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// With a configuration file of this text, which the server may write to.
    pub fn config(self, text: &str) -> Self {
        Self { config: Some(text.to_owned()), ..self }
    }

    /// With more environment variables.
    pub fn in_environment(mut self, more: &[(String, String)]) -> Self {
        self.environment.extend_from_slice(more);
        self
    }

    /// With TLS for clients. Always Debian's server: the other tested servers are built without TLS.
    pub fn tls(mut self, authority: &TestAuthority) -> Self {
        self.arguments.extend(authority.arguments());
        Self { program: DEFAULT_PROGRAM.into(), ..self }
    }

    /// Starts the server's process, with its data in the folder.
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

    /// Writes the configuration file, if there is one, into the folder.
    pub(super) fn write_config(&self, folder: &Path) {
        if let Some(text) = &self.config {
            fs::write(config_file(folder), text).expect("a configuration file");
        }
    }

    /// The value of an argument; the last if it is given more than once.
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

/// The program that tests start, as configured.
pub fn configured_program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks which server the tests run on")]
    let chosen = std::env::var_os(PROGRAM_VARIABLE);
    chosen.map_or_else(|| DEFAULT_PROGRAM.into(), PathBuf::from)
}

/// The absolute path of the program.
pub fn resolved_program() -> PathBuf {
    let chosen = configured_program();
    #[expect(clippy::disallowed_methods, reason = "the way in which the system finds a program, too")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A name with a slash is a path, and `join` leaves an absolute one unchanged.
    let by_name = std::env::split_paths(&path).map(|folder| folder.join(&chosen)).find(|found| found.exists());
    by_name.unwrap_or(chosen).canonicalize().expect("it is there, or no server had started")
}
