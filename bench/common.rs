//! What several rows share: loads, turns, and the servers to compare with.

use super::context::BenchContext;
use super::load::{LoadProfile, LoadResult};
use super::server::{ServerProcess, free_port};

/// Connections of the look-up loads.
const CONNECTIONS: usize = 32;

/// Connections of the loads that hash: fewer than the hash pool's queue has places, so that it rejects nothing.
pub(super) const HASHING_CONNECTIONS: usize = 8;

impl BenchContext {
    /// A load of requests for one path.
    pub(super) fn load(&self, path: &str) -> LoadProfile {
        LoadProfile { path: path.to_owned(), script: None, connections: CONNECTIONS, seconds: self.settings.seconds }
    }

    /// A load of requests for the paths in a file.
    pub(super) fn paths(&self, file: &str) -> LoadProfile {
        LoadProfile { script: Some(("paths", vec![("PATHS", file.to_owned())])), ..self.load("/") }
    }

    /// Runs loads that are compared in turns. The result of each is its run with the median CPU per request.
    pub(super) fn interleaved(&self, loads: &[(&ServerProcess, LoadProfile)]) -> Vec<LoadResult> {
        let mut outcomes: Vec<Vec<LoadResult>> = vec![Vec::new(); loads.len()];
        for _ in 0..self.settings.turns {
            for (place, (server, load)) in loads.iter().enumerate() {
                outcomes[place].push(load.run(server));
            }
        }
        outcomes.into_iter().map(median_by_cpu).collect()
    }
}

/// The median.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn median_by_cpu(mut outcomes: Vec<LoadResult>) -> LoadResult {
    outcomes.sort_by(|one, other| one.cpu_us.total_cmp(&other.cpu_us));
    outcomes[outcomes.len() / 2]
}

/// The bare Rocket service.
pub(super) fn baseline(bench: &BenchContext, redis: &ServerProcess) -> ServerProcess {
    let port = free_port();
    ServerProcess::start(&bench.baseline, &["serve", &port.to_string(), &redis.port.to_string()], &[], port)
}

/// Sends a command to a Redis.
pub(super) fn redis_command(redis: &ServerProcess, words: &[&str]) -> redis::Value {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).expect("an address");
    let mut command = redis::Cmd::new();
    command.arg(words);
    command.query(&mut client.get_connection().expect("redis is there")).expect("redis answers")
}

/// The memory that Redis reports as used, in bytes.
pub(super) fn used_memory(redis: &ServerProcess) -> i64 {
    let info: String = redis::from_redis_value(redis_command(redis, &["INFO", "memory"])).expect("text");
    info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()).expect("a number")
}

/// Writes a line of the table.
pub(super) fn row(what: &str, wanted: &str, measured: &str) {
    println!("| {what} | {wanted} | {measured} |");
}
