//! Where the programs are, how long to measure, and the servers under measurement.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{ServerProcess, free_port};

/// How long and how often to measure.
pub(super) struct BenchSettings {
    /// Seconds of one measurement.
    pub(super) seconds: u64,
    /// Turns of compared measurements; the median counts.
    pub(super) turns: usize,
    /// Users in the large stores.
    pub(super) many: usize,
}

/// The programs, and a directory for everything else.
pub(super) struct BenchContext {
    /// The build of userd beside this program.
    pub(super) userd: PathBuf,
    /// The bare Rocket service and the bare hash.
    pub(super) baseline: PathBuf,
    /// A directory that is removed at the end.
    pub(super) folder: tempfile::TempDir,
    /// How long and how often to measure.
    pub(super) settings: BenchSettings,
}

impl BenchContext {
    /// Reads `BENCH_SECONDS`, `BENCH_TURNS` and `BENCH_USERS`.
    pub(super) fn from_environment() -> Self {
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

    /// A userd on this store. Its log is written, and discarded.
    pub(super) fn userd(&self, store: &str, more: &[(&str, &str)]) -> ServerProcess {
        start_userd(&self.userd, store, more)
    }

    /// A Redis whose data survives a kill, as operators run it.
    pub(super) fn redis(&self) -> ServerProcess {
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

    /// The bare hash on both cores, in hashes per second.
    pub(super) fn bare_hashes_per_s(&self) -> f64 {
        let seconds = self.settings.seconds.to_string();
        let output = Command::new(&self.baseline).args(["hash", &seconds, "2"]).output().expect("the baseline runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers[0] / numbers[1]
    }
}

/// Starts a build of userd on this store.
pub(super) fn start_userd(program: &Path, store: &str, more: &[(&str, &str)]) -> ServerProcess {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut environment = vec![("USERD_LISTEN", listen.as_str()), ("USERD_STORE", store), ("USERD_WORKERS", "2")];
    environment.extend_from_slice(more);
    ServerProcess::start(program, &[], &environment, port)
}
