//! Programs under measurement: start, CPU and memory, end.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks per second, the unit of CPU time in `/proc`; 100 on Linux wherever userd runs.
const TICKS_PER_S: f64 = 100.0;

/// A running program.
pub struct ServerProcess {
    child: Child,
    /// The TCP port that it listens on.
    pub port: u16,
}

impl ServerProcess {
    /// Starts a program and waits until its port answers.
    pub fn start(program: &Path, arguments: &[&str], environment: &[(&str, &str)], port: u16) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} can't be started: {error}", program.display()));
        let server = Self { child, port };
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "{} does not listen", program.display());
            pause(Duration::from_millis(1));
        }
        server
    }

    /// CPU seconds used so far, user and system time.
    pub fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the process lives");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // utime and stime are fields 14 and 15 of proc(5); two precede the closing bracket.
        let ticks: f64 = fields[11..13].iter().filter_map(|text| text.parse::<f64>().ok()).sum();
        ticks / TICKS_PER_S
    }

    /// Resident memory in MiB.
    pub fn rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Waits.
pub fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the bench measures over time")]
    std::thread::sleep(time);
}
