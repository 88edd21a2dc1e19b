//! A real `redis-server` of a test's own, on a free port, in a folder of its own; gone when dropped.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use userd::store::redis::RedisSettings;

/// How long a server may take to answer its first `PING`; generous, since CI machines are slow.
const START_LIMIT: Duration = Duration::from_secs(20);

/// What every server is started with unless a test says otherwise.
const DEFAULTS: [&str; 10] = [
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
];

/// A running server.
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl RedisServer {
    /// A server that keeps an append-only file and never evicts.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more arguments (`--name value …`), which win over the defaults.
    pub fn start_with(more: &[&str]) -> Self {
        let arguments: Vec<String> = DEFAULTS.iter().chain(more).map(|&argument| argument.to_owned()).collect();
        for _ in 0..20 {
            // Otherwise somebody else took the port in between: try another.
            if let Some(server) = Self::try_at(free_port(), &arguments) {
                return server;
            }
        }
        panic!("redis-server does not start with {arguments:?}");
    }

    /// The same, with more in its environment.
    pub fn start_in(environment: &[(String, String)], more: &[&str]) -> Self {
        let arguments: Vec<String> = DEFAULTS.iter().chain(more).map(|&argument| argument.to_owned()).collect();
        for _ in 0..20 {
            if let Some(server) = Self::try_in(free_port(), &arguments, environment.to_vec()) {
                return server;
            }
        }
        panic!("redis-server does not start with {arguments:?} and {environment:?}");
    }

    /// A server with the defaults at a given port.
    pub fn start_on(port: u16) -> Self {
        Self::start_at(port, &[])
    }

    /// A server at a given port, with more arguments.
    pub fn start_at(port: u16, more: &[&str]) -> Self {
        let arguments: Vec<String> = DEFAULTS.iter().chain(more).map(|&argument| argument.to_owned()).collect();
        Self::try_at(port, &arguments).expect("redis-server starts on the port")
    }

    fn try_at(port: u16, arguments: &[String]) -> Option<Self> {
        Self::try_in(port, arguments, Vec::new())
    }

    fn try_in(port: u16, arguments: &[String], environment: Vec<(String, String)>) -> Option<Self> {
        let folder = TempDir::new().expect("a folder for the server");
        let child = spawn(port, arguments, &environment, folder.path());
        let mut server = Self { child, port, arguments: arguments.to_vec(), environment, folder };
        server.wait_until_up().then_some(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Settings that reach this server.
    pub fn settings(&self) -> RedisSettings {
        RedisSettings::at("127.0.0.1", self.port)
    }

    /// `redis://…` of this server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port with the same data.
    pub fn start_again(&mut self) {
        self.child = spawn(self.port, &self.arguments, &self.environment, self.folder.path());
        assert!(self.wait_until_up(), "redis-server does not come back");
    }

    /// Freezes the process (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends one command on a connection of its own and returns the raw answer, for looking at and changing
    /// what the server holds.
    pub fn command(&self, words: &[&str]) -> redis::Value {
        self.try_command(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The same, where an error is an answer too.
    pub fn try_command(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_connection()?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut connection)
    }

    /// The same, as strings.
    pub fn texts(&self, words: &[&str]) -> Vec<String> {
        redis::from_redis_value(self.command(words)).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The same, as one string.
    pub fn text(&self, words: &[&str]) -> String {
        redis::from_redis_value(self.command(words)).unwrap_or_else(|error| panic!("{words:?}: {error}"))
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
            if ping(self.port) {
                return true;
            }
            pause();
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, arguments: &[String], environment: &[(String, String)], folder: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no", "--dir"])
        .arg(folder)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("redis-server can't be started ({error}): install it with `apt-get install redis-server`")
        })
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn ping(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = [0; 5];
    // "-NOAUTH" is an answer as good as "+PONG".
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && (&answer == b"+PONG" || &answer == b"-NOAU")
}

/// A moment between two looks at something that takes its time.
pub fn pause() {
    #[expect(clippy::disallowed_methods, reason = "waiting for another process, by looking again until a limit")]
    std::thread::sleep(Duration::from_millis(5));
}
