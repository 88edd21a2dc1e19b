//! Makes every figure of `docs/benchmarks.md` again: `make bench`.
//!
//! Everything runs on this machine, so throughput says little; CPU a request, as the operating system
//! accounts it to the server, and ratios within one run say more. Pairs that are compared take turns.

#![expect(clippy::print_stdout, reason = "the table is the output")]
#![expect(clippy::expect_used, reason = "a bench that can't go on stops with the sentence in `expect`")]
#![expect(unreachable_pub, reason = "a program exports nothing; pub marks what its modules share")]

mod doctor;
mod listing;
mod load;
mod rows;
mod seed;
mod server;
mod sessions;

use std::path::{Path, PathBuf};
use std::process::Command;

use self::server::{ServerProcess, free_port};

/// How long one measurement takes, and how often a compared pair takes turns.
pub(crate) struct BenchSettings {
    /// Seconds of one measurement.
    pub(crate) seconds: u64,
    /// Turns; the median counts.
    pub(crate) turns: usize,
    /// Users in the large stores.
    pub(crate) many: usize,
}

/// Where the programs are, and a folder for everything else.
pub(crate) struct BenchContext {
    /// The release build of userd.
    pub(crate) userd: PathBuf,
    /// The bare Rocket service and the bare hash.
    pub(crate) baseline: PathBuf,
    /// A folder that is gone afterwards.
    pub(crate) folder: tempfile::TempDir,
    /// How long and how often.
    pub(crate) settings: BenchSettings,
}

impl BenchContext {
    fn from_environment() -> Self {
        let own = std::env::current_exe().expect("this program's path");
        let examples = own.parent().expect("its folder");
        let number = |name: &str, default: usize| {
            #[expect(clippy::disallowed_methods, reason = "the bench is its own program")]
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        Self {
            userd: examples.parent().expect("the build's folder").join("userd"),
            baseline: examples.join("baseline"),
            folder: tempfile::tempdir().expect("a folder"),
            settings: BenchSettings {
                seconds: number("BENCH_SECONDS", 5) as u64,
                turns: number("BENCH_TURNS", 3),
                many: number("BENCH_USERS", 1_000_000),
            },
        }
    }

    /// A userd on this store; `log` lines go nowhere, but are written.
    pub(crate) fn userd(&self, store: &str, more: &[(&str, &str)]) -> ServerProcess {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut environment = vec![("USERD_LISTEN", listen.as_str()), ("USERD_STORE", store), ("USERD_WORKERS", "2")];
        environment.extend_from_slice(more);
        ServerProcess::start(&self.userd, &[], &environment, port)
    }

    /// A Redis that loses nothing at a kill, as operators run it.
    pub(crate) fn redis(&self) -> ServerProcess {
        let port = free_port();
        let folder = self.folder.path().join(format!("redis-{port}"));
        std::fs::create_dir(&folder).expect("a folder for Redis");
        let (text, folder) = (port.to_string(), folder.display().to_string());
        let arguments = [
            "--port",
            &text,
            "--dir",
            &folder,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--maxmemory",
            "8gb",
            "--maxmemory-policy",
            "noeviction",
        ];
        ServerProcess::start(Path::new("redis-server"), &arguments, &[], port)
    }

    /// What the bare hash does on both cores: hashes a second.
    pub(crate) fn bare_hashes_per_s(&self) -> f64 {
        let seconds = self.settings.seconds.to_string();
        let output = Command::new(&self.baseline).args(["hash", &seconds, "2"]).output().expect("the baseline runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers[0] / numbers[1]
    }
}

fn main() {
    let bench = BenchContext::from_environment();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    println!("| what | figure to reach | measured |");
    println!("|---|---|---|");
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, row) in rows::ALL {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            row(&bench, &runtime);
        }
    }
}

/// Writes a line of the table.
pub(crate) fn row(what: &str, wanted: &str, measured: &str) {
    println!("| {what} | {wanted} | {measured} |");
}
