//! The stores that storms rage over, and what can be done to each from outside.
//!
//! How to add one: an arm of [`Place`], what starts userd on it, which [`Blow`]s it can take and how, and how it is
//! looked into once the storm is over.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use userd::random::{Random, SeededRandom};
use userd::store::Store;
use userd::store::embedded::EmbeddedStore;
use userd::store::redis::{INTENT_MS, RedisSettings};

use crate::support::history::checker::TakenToo;
use crate::support::program::Launch;
use crate::support::proxy::{Fate, Proxy};
use crate::support::recovery::patient_store;
use crate::support::redis_audit::audit;
use crate::support::redis_server::RedisServer;
use crate::support::stores::{audit_database, settings};

/// What can happen to a store, besides what happens to userd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// kill -9, and started again after a while.
    Kill,
    /// SIGSTOP for a while.
    Freeze,
}

/// Where the users are kept.
pub enum Place {
    /// One SQLite file, for one userd.
    Embedded { folder: TempDir },
    /// One Redis that keeps every write before it answers.
    Redis { server: RedisServer, folder: TempDir },
    /// One that keeps nothing: what a kill does to it has to be found, or the judge is blind.
    Forgetful { server: RedisServer, folder: TempDir },
    /// One Redis that keeps every write, behind a line that loses answers, and delivers late and twice.
    Noisy { server: RedisServer, line: Proxy, folder: TempDir },
}

impl Place {
    pub fn embedded() -> Self {
        Self::Embedded { folder: folder() }
    }

    pub fn redis() -> Self {
        Self::Redis { server: lasting_server(&["--appendfsync", "always"]), folder: folder() }
    }

    pub fn forgetful() -> Self {
        Self::Forgetful { server: lasting_server(&["--appendonly", "no"]), folder: folder() }
    }

    /// Of 1000 steps, 30 arrive once more up to `late` later, 4 run and their answer is lost with the connection, and
    /// 2 are cut off and arrive up to `late` later.
    pub async fn noisy(seed: u64, late: Duration) -> Self {
        let server = lasting_server(&["--appendfsync", "always"]);
        let random = SeededRandom::from_seed(seed);
        let line = Proxy::start(server.port(), move |_| {
            let after = late.mul_f64(f64::from(u32::try_from(below(&random, 1000)).unwrap_or_default()) / 1000.0);
            match below(&random, 1000) {
                0..30 => Fate::Again(after),
                30..34 => Fate::CutAfter,
                34..36 => Fate::Late(after),
                _ => Fate::Pass,
            }
        });
        Self::Noisy { line: line.await, server, folder: folder() }
    }

    /// How userd is started on it.
    pub fn launch(&self) -> Launch {
        match self {
            Self::Embedded { folder } => Launch::in_folder(folder.path()).store("sqlite:userd.db"),
            Self::Redis { server, folder } => Launch::in_folder(folder.path()).redis(server),
            Self::Forgetful { server, folder } => {
                Launch::in_folder(folder.path()).redis(server).set("redis.allow_volatile_store", "true")
            }
            Self::Noisy { line, folder, .. } => {
                Launch::in_folder(folder.path()).store(&format!("redis://127.0.0.1:{}/0", line.port()))
            }
        }
        .cheap_hashes()
        .set("redis.timeout_ms", "500")
    }

    /// How many userd share it.
    pub fn members(&self) -> usize {
        if matches!(self, Self::Embedded { .. }) { 1 } else { 3 }
    }

    /// Whether userd is frozen here, too; else it is only killed.
    pub fn freezes_userd(&self) -> bool {
        !matches!(self, Self::Embedded { .. })
    }

    /// When it may call a free e-mail taken.
    pub fn taken_too(&self) -> TakenToo {
        match self {
            Self::Embedded { .. } => TakenToo::Never,
            // The deadline is counted in whole milliseconds by the clock of the machine.
            _ => TakenToo::WhileOthersTry(Duration::from_millis(INTENT_MS) + Duration::from_millis(50)),
        }
    }

    /// What it is struck with; each as often as it stands here.
    pub fn blows(&self) -> &'static [Blow] {
        match self {
            Self::Embedded { .. } => &[],
            Self::Redis { .. } => &[Blow::Kill, Blow::Freeze],
            Self::Noisy { .. } | Self::Forgetful { .. } => &[Blow::Kill],
        }
    }

    /// Begins a blow.
    pub fn strike(&mut self, blow: Blow) {
        let Some(server) = self.server() else { return };
        match blow {
            Blow::Kill => server.kill(),
            Blow::Freeze => server.freeze(),
        }
    }

    /// Ends it.
    pub fn recover(&mut self, blow: Blow) {
        let Some(server) = self.server() else { return };
        match blow {
            Blow::Kill => server.start_again(),
            Blow::Freeze => server.thaw(),
        }
    }

    fn server(&mut self) -> Option<&mut RedisServer> {
        match self {
            Self::Embedded { .. } => None,
            Self::Redis { server, .. } | Self::Forgetful { server, .. } | Self::Noisy { server, .. } => Some(server),
        }
    }

    /// A store of our own over the same users. On the embedded one nobody else may run any more.
    pub async fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded { folder } => {
                let settings = settings(&folder.path().join("userd.db"));
                Arc::new(EmbeddedStore::open(&settings).expect("the database can be opened"))
            }
            Self::Redis { server, .. } | Self::Noisy { server, .. } => Arc::new(patient_store(server.settings()).await),
            Self::Forgetful { server, .. } => {
                let settings = RedisSettings { allow_volatile_store: true, ..server.settings() };
                Arc::new(patient_store(settings).await)
            }
        }
    }

    /// What does not fit together in what it holds. Nobody may write meanwhile.
    pub fn contradictions(&self) -> Vec<String> {
        match self {
            Self::Embedded { folder } => audit_database(&folder.path().join("userd.db")).expect("a database"),
            Self::Redis { server, .. } | Self::Forgetful { server, .. } | Self::Noisy { server, .. } => {
                audit(server, "userd:").contradictions
            }
        }
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// A number below `end`.
pub fn below(random: &SeededRandom, end: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_le_bytes(bytes) % end
}

/// A server that can come back to its port at any time: the port is none of those that the system gives to
/// connections, of which there are many while the server is away.
fn lasting_server(more: &[&str]) -> RedisServer {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap_or_default();
    let free = (first..first + 1000).find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    RedisServer::start_at(free.expect("one of a thousand ports is free"), more)
}
