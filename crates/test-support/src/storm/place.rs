//! The stores that storms rage over: how userd is started on each, what it is struck with, and how it is looked into
//! once the storm is over. How each takes a blow is in `blows`.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use userd_core::random::{Random, SeededRandom};
use userd_store::Store;
use userd_store_redis::{Address, INTENT_MS, RedisSettings};
use userd_store_sqlite::EmbeddedStore;

use super::blows::{Blow, recover_cluster, recover_group, recover_server, strike_cluster, strike_group, strike_server};
use crate::history::checker::TakenToo;
use crate::program::Launch;
use crate::proxy::{Fate, Proxy};
use crate::recovery::patient_store;
use crate::redis_audit::audit;
use crate::redis_cluster::{ClusterPlan, RedisCluster};
use crate::redis_sentinel::{SERVICE, SentinelGroup};
use crate::redis_server::RedisServer;
use crate::stores::{audit_database, settings};

/// What is struck, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Threats {
    pub kills_userd: bool,
    pub freezes_userd: bool,
    /// Each as often as it stands here.
    pub blows: &'static [Blow],
}

/// Where the users are kept.
pub struct Place {
    kind: Kind,
    folder: TempDir,
    threats: Threats,
    launch: Launch,
    /// What the present blow has struck.
    struck: Vec<usize>,
}

enum Kind {
    /// One SQLite file, for one userd.
    Embedded,
    /// One Redis, perhaps behind a line of its own.
    Redis { server: RedisServer, allow_volatile_store: bool, _line: Option<Proxy> },
    /// A primary with two replicas, watched by three Sentinels.
    Sentinel(SentinelGroup),
    /// Three primaries with a replica each.
    Cluster(RedisCluster),
}

const ALL_OF_USERD: Threats = Threats { kills_userd: true, freezes_userd: true, blows: &[] };

impl Place {
    fn of(kind: Kind, url: &str, threats: Threats) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let launch = Launch::in_folder(folder.path()).store(url).cheap_hashes().unthrottled();
        Self { kind, folder, threats, launch, struck: Vec::new() }
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.launch = self.launch.set(key, value);
        self
    }

    /// One SQLite file, for one userd, which is killed.
    pub fn embedded() -> Self {
        Self::of(Kind::Embedded, "sqlite:userd.db", Threats { freezes_userd: false, ..ALL_OF_USERD })
    }

    /// One Redis that keeps every write before it answers.
    pub fn redis() -> Self {
        let server = RedisServer::start_with(&["--appendfsync", "always"]);
        let url = server.url();
        let kind = Kind::Redis { server, allow_volatile_store: false, _line: None };
        Self::of(kind, &url, Threats { blows: &[Blow::Kill, Blow::Freeze], ..ALL_OF_USERD })
            .set("redis.timeout_ms", "500")
    }

    /// One that keeps nothing: what a kill does to it has to be found, or the judge is blind.
    pub fn forgetful() -> Self {
        let server = RedisServer::start_with(&["--appendonly", "no"]);
        let url = server.url();
        let kind = Kind::Redis { server, allow_volatile_store: true, _line: None };
        Self::of(kind, &url, Threats { blows: &[Blow::Kill], ..ALL_OF_USERD }).set("redis.allow_volatile_store", "true")
    }

    /// One Redis that keeps every write, behind a line: of 1000 steps, 30 arrive once more up to `late` later, 4 run
    /// and their answer is lost with the connection, and 2 are cut off and arrive up to `late` later.
    pub async fn noisy(seed: u64, late: Duration) -> Self {
        let server = RedisServer::start_with(&["--appendfsync", "always"]);
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
        let line = line.await;
        let url = format!("redis://127.0.0.1:{}/0", line.port());
        let kind = Kind::Redis { server, allow_volatile_store: false, _line: Some(line) };
        Self::of(kind, &url, Threats { blows: &[Blow::Kill], ..ALL_OF_USERD }).set("redis.timeout_ms", "500")
    }

    /// A primary with two replicas and three Sentinels.
    pub fn sentinel(acknowledge: &str) -> Self {
        let group = SentinelGroup::start();
        let url = group.url();
        let blows = &[Blow::Kill, Blow::Freeze, Blow::Planned];
        Self::of(Kind::Sentinel(group), &url, Threats { blows, ..ALL_OF_USERD }).set("redis.acknowledge", acknowledge)
    }

    /// Three primaries with a replica each; userd is killed and frozen only where the cluster is not struck alone.
    pub fn cluster(acknowledge: &str, blows: &'static [Blow], userd_too: bool) -> Self {
        let cluster = ClusterPlan::of(3, 1).with(&["--appendfsync", "always"]).start();
        let url = cluster.url();
        let threats = Threats { kills_userd: userd_too, freezes_userd: userd_too, blows };
        Self::of(Kind::Cluster(cluster), &url, threats).set("redis.acknowledge", acknowledge)
    }

    /// How userd is started on it.
    pub fn launch(&self) -> Launch {
        self.launch.clone()
    }

    /// How many userd share it.
    pub fn members(&self) -> usize {
        if matches!(self.kind, Kind::Embedded) { 1 } else { 3 }
    }

    pub fn threats(&self) -> Threats {
        self.threats
    }

    /// Whether another server can take the place of one that is struck, which may lose what it had not heard of yet.
    pub fn fails_over(&self) -> bool {
        matches!(self.kind, Kind::Sentinel(_) | Kind::Cluster(_))
    }

    /// When it may call a free e-mail taken.
    pub fn taken_too(&self) -> TakenToo {
        match self.kind {
            Kind::Embedded => TakenToo::Never,
            // The deadline is counted in whole milliseconds by the clock of the machine.
            _ => TakenToo::WhileOthersTry(Duration::from_millis(INTENT_MS) + Duration::from_millis(50)),
        }
    }

    /// Begins a blow.
    pub fn strike(&mut self, blow: Blow, random: &SeededRandom) {
        match &mut self.kind {
            Kind::Embedded => panic!("the embedded store is no server"),
            Kind::Redis { server, .. } => strike_server(server, blow),
            Kind::Sentinel(group) => self.struck = strike_group(group, blow),
            Kind::Cluster(cluster) => self.struck = strike_cluster(cluster, blow, random),
        }
    }

    /// Ends it, and waits until the store is whole.
    pub fn recover(&mut self, blow: Blow) {
        match &mut self.kind {
            Kind::Embedded => {}
            Kind::Redis { server, .. } => recover_server(server, blow),
            Kind::Sentinel(group) => recover_group(group, blow, &self.struck),
            Kind::Cluster(cluster) => recover_cluster(cluster, blow, &self.struck),
        }
    }

    /// A store of our own over the same users. On the embedded one nobody else may run any more.
    pub async fn store(&self) -> Arc<dyn Store> {
        let addresses = |ports: Vec<u16>| ports.into_iter().map(|port| Address::new("127.0.0.1", port)).collect();
        let settings = match &self.kind {
            Kind::Embedded => {
                let settings = settings(&self.folder.path().join("userd.db"));
                return Arc::new(EmbeddedStore::open(&settings).expect("the database can be opened"));
            }
            Kind::Redis { server, allow_volatile_store, .. } => {
                RedisSettings { allow_volatile_store: *allow_volatile_store, ..server.settings() }
            }
            Kind::Sentinel(group) => RedisSettings::sentinel(addresses(group.ports()), SERVICE),
            Kind::Cluster(cluster) => RedisSettings::cluster(addresses(cluster.ports())),
        };
        Arc::new(patient_store(settings).await)
    }

    /// What does not fit together in what it holds. Nobody may write meanwhile.
    pub fn contradictions(&self) -> Vec<String> {
        match &self.kind {
            Kind::Embedded => audit_database(&self.folder.path().join("userd.db")).expect("a database"),
            Kind::Redis { server, .. } => audit(server, "userd:").contradictions,
            Kind::Sentinel(group) => audit(group, "userd:").contradictions,
            Kind::Cluster(cluster) => audit(cluster, "userd:").contradictions,
        }
    }
}

/// A number below `end`.
pub fn below(random: &SeededRandom, end: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_le_bytes(bytes) % end
}
