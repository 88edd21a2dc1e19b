//! One measurement with wrk: its connections and seconds, and what it costs the server.

use std::process::{Command, Stdio};

use super::server::ServerProcess;

/// What to request, and how.
#[derive(Clone, Default)]
pub struct LoadProfile {
    /// The path, or `/` where a script makes the requests.
    pub path: String,
    /// A script in `bench/lua`, and its environment.
    pub script: Option<(&'static str, Vec<(&'static str, String)>)>,
    /// Open connections.
    pub connections: usize,
    /// Seconds.
    pub seconds: u64,
}

/// The result of a load.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadResult {
    /// Requests per second.
    pub per_s: f64,
    /// CPU time of the server per request, in microseconds.
    pub cpu_us: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: f64,
    /// Responses that were neither 2xx nor 3xx.
    pub failed: u64,
}

impl std::fmt::Display for LoadResult {
    /// CPU per request, requests per second, and p99.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} µs, {:.0}/s, p99 {:.1} ms", self.cpu_us, self.per_s, self.p99_ms)
    }
}

impl LoadProfile {
    /// Starts the load; [`RunningLoad::finish`] collects the result.
    pub fn begin<'a>(&self, server: &'a ServerProcess) -> RunningLoad<'a> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "--latency", "--timeout", "10s"]);
        wrk.arg(format!("-c{}", self.connections)).arg(format!("-d{}s", self.seconds));
        if let Some((script, environment)) = &self.script {
            wrk.arg("-s")
                .arg(format!("bench/lua/{script}.lua"))
                .envs(environment.iter().map(|(key, value)| (key, value)));
        }
        wrk.arg(format!("http://127.0.0.1:{}{}", server.port, self.path));
        let child =
            wrk.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
                panic!("wrk can't be started ({error}): install it with `apt-get install wrk`")
            });
        RunningLoad { child, server, cpu_before_s: server.cpu_s() }
    }

    /// Runs the load to its end.
    pub fn run(&self, server: &ServerProcess) -> LoadResult {
        self.begin(server).finish()
    }
}

/// A load that is running.
pub struct RunningLoad<'a> {
    child: std::process::Child,
    server: &'a ServerProcess,
    cpu_before_s: f64,
}

impl RunningLoad<'_> {
    /// Waits for the end, and returns the result.
    pub fn finish(self) -> LoadResult {
        let output = self.child.wait_with_output().expect("wrk ends");
        let cpu_s = self.server.cpu_s() - self.cpu_before_s;
        let text = String::from_utf8_lossy(&output.stdout);
        let after = |label: &str| {
            text.lines().find_map(|line| line.trim().strip_prefix(label)).unwrap_or_default().trim().to_owned()
        };
        let requests = text
            .lines()
            .find(|line| line.contains(" requests in "))
            .and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or_else(|| panic!("wrk reports no requests:\n{text}"));
        LoadResult {
            per_s: after("Requests/sec:").parse().unwrap_or_default(),
            cpu_us: cpu_s * 1e6 / requests,
            p50_ms: milliseconds(&after("50%")),
            p99_ms: milliseconds(&after("99%")),
            failed: after("Non-2xx or 3xx responses:").parse().unwrap_or_default(),
        }
    }
}

/// wrk's `1.23ms`, `45.6us`, `1.2s`.
fn milliseconds(text: &str) -> f64 {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()) {
            return number * factor;
        }
    }
    f64::NAN
}
