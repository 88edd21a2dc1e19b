//! The stores of storms: how userd is started on each, how it is disrupted, and how its data is audited afterwards. How
//! each kind is disrupted is in `disruptions`.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use userd_core::random::SeededRandom;
use userd_store::Store;
use userd_store_redis::{INTENT_MS, NodeAddress, RedisSettings};
use userd_store_sqlite::SqliteStore;

use super::disruptions::{
    Disruption, disrupt_cluster, disrupt_group, disrupt_server, recover_cluster, recover_group, recover_server,
};
use crate::fault_proxy::{FaultProxy, ProxyAction};
use crate::linearizability::checker::SpuriousTaken;
use crate::random_numbers::random_below;
use crate::recovery::store_with_long_timeout;
use crate::redis_audit::audit;
use crate::redis_cluster::{ClusterPlan, RedisCluster};
use crate::redis_sentinel::{SERVICE, SentinelGroup};
use crate::redis_server::RedisServer;
use crate::redis_settings;
use crate::stores::{audit_database, sqlite_settings};
use crate::userd_process::UserdCommand;

/// Which disruptions are allowed.
#[derive(Debug, Clone, Copy)]
pub struct AllowedDisruptions {
    pub kills_userd: bool,
    pub freezes_userd: bool,
    /// A disruption that is listed twice is twice as likely.
    pub disruptions: &'static [Disruption],
}

/// The store.
pub struct ChaosTarget {
    kind: TargetKind,
    folder: TempDir,
    allowed_disruptions: AllowedDisruptions,
    launch: UserdCommand,
    /// What the present disruption has hit.
    disrupted: Vec<usize>,
}

enum TargetKind {
    /// One SQLite file, for one userd.
    Embedded,
    /// One Redis, perhaps behind a faulty link.
    Redis { server: RedisServer, allow_volatile_store: bool, _line: Option<FaultProxy> },
    /// A primary with two replicas, watched by three Sentinels.
    Sentinel(SentinelGroup),
    /// Three primaries with a replica each.
    Cluster(RedisCluster),
}

const ALL_USERD_DISRUPTIONS: AllowedDisruptions =
    AllowedDisruptions { kills_userd: true, freezes_userd: true, disruptions: &[] };

impl ChaosTarget {
    fn of(kind: TargetKind, url: &str, allowed_disruptions: AllowedDisruptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let launch = UserdCommand::in_folder(folder.path()).store(url).cheap_hashes().without_rate_limits();
        Self { kind, folder, allowed_disruptions, launch, disrupted: Vec::new() }
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.launch = self.launch.set(key, value);
        self
    }

    /// One SQLite file, for one userd, which is killed.
    pub fn embedded() -> Self {
        Self::of(
            TargetKind::Embedded,
            "sqlite:userd.db",
            AllowedDisruptions { freezes_userd: false, ..ALL_USERD_DISRUPTIONS },
        )
    }

    /// One Redis that syncs every write before it answers.
    pub fn redis() -> Self {
        let server = RedisServer::start_with(&["--appendfsync", "always"]);
        let url = server.url();
        let kind = TargetKind::Redis { server, allow_volatile_store: false, _line: None };
        Self::of(
            kind,
            &url,
            AllowedDisruptions { disruptions: &[Disruption::Kill, Disruption::Freeze], ..ALL_USERD_DISRUPTIONS },
        )
        .set("redis.timeout_ms", "500")
    }

    /// One Redis without persistence: the checker must find what a kill does to it. A negative control.
    pub fn volatile_redis() -> Self {
        let server = RedisServer::start_with(&["--appendonly", "no"]);
        let url = server.url();
        let kind = TargetKind::Redis { server, allow_volatile_store: true, _line: None };
        Self::of(kind, &url, AllowedDisruptions { disruptions: &[Disruption::Kill], ..ALL_USERD_DISRUPTIONS })
            .set("redis.allow_volatile_store", "true")
    }

    /// One Redis that syncs every write, behind a faulty link: of 1000 steps, 30 arrive a second time up to `late`
    /// later, 4 run and their answer is lost with the connection, and 2 are cut off and arrive up to `late` later.
    pub async fn redis_with_faulty_link(seed: u64, late: Duration) -> Self {
        let server = RedisServer::start_with(&["--appendfsync", "always"]);
        let random = SeededRandom::from_seed(seed);
        let line = FaultProxy::start(server.port(), move |_| {
            let after =
                late.mul_f64(f64::from(u32::try_from(random_below(&random, 1000)).unwrap_or_default()) / 1000.0);
            match random_below(&random, 1000) {
                0..30 => ProxyAction::Again(after),
                30..34 => ProxyAction::CutAfter,
                34..36 => ProxyAction::Late(after),
                _ => ProxyAction::Forward,
            }
        });
        let line = line.await;
        let url = format!("redis://127.0.0.1:{}/0", line.port());
        let kind = TargetKind::Redis { server, allow_volatile_store: false, _line: Some(line) };
        Self::of(kind, &url, AllowedDisruptions { disruptions: &[Disruption::Kill], ..ALL_USERD_DISRUPTIONS })
            .set("redis.timeout_ms", "500")
    }

    /// A primary with two replicas and three Sentinels.
    pub fn sentinel(acknowledge: &str) -> Self {
        let group = SentinelGroup::start();
        let url = group.url();
        let disruptions = &[Disruption::Kill, Disruption::Freeze, Disruption::Planned];
        Self::of(TargetKind::Sentinel(group), &url, AllowedDisruptions { disruptions, ..ALL_USERD_DISRUPTIONS })
            .set("redis.acknowledge", acknowledge)
    }

    /// Three primaries with a replica each; userd is killed and frozen only if `userd_too`.
    pub fn cluster(acknowledge: &str, disruptions: &'static [Disruption], userd_too: bool) -> Self {
        let cluster = ClusterPlan::of(3, 1).with(&["--appendfsync", "always"]).start();
        let url = cluster.url();
        let allowed_disruptions = AllowedDisruptions { kills_userd: userd_too, freezes_userd: userd_too, disruptions };
        Self::of(TargetKind::Cluster(cluster), &url, allowed_disruptions).set("redis.acknowledge", acknowledge)
    }

    /// How userd is started on it.
    pub fn launch(&self) -> UserdCommand {
        self.launch.clone()
    }

    /// How many userd share it.
    pub fn members(&self) -> usize {
        if matches!(self.kind, TargetKind::Embedded) { 1 } else { 3 }
    }

    pub fn allowed_disruptions(&self) -> AllowedDisruptions {
        self.allowed_disruptions
    }

    /// Whether another server can take over, which may lose what it had not received.
    pub fn fails_over(&self) -> bool {
        matches!(self.kind, TargetKind::Sentinel(_) | TargetKind::Cluster(_))
    }

    /// When it may report a free e-mail address as taken.
    pub fn spurious_taken(&self) -> SpuriousTaken {
        match self.kind {
            TargetKind::Embedded => SpuriousTaken::Never,
            // The deadline is counted in whole milliseconds by the clock of the machine.
            _ => SpuriousTaken::WhileOthersTry(Duration::from_millis(INTENT_MS) + Duration::from_millis(50)),
        }
    }

    /// Begins a disruption.
    pub fn disrupt(&mut self, disruption: Disruption, random: &SeededRandom) {
        match &mut self.kind {
            TargetKind::Embedded => panic!("the embedded store is no server"),
            TargetKind::Redis { server, .. } => disrupt_server(server, disruption),
            TargetKind::Sentinel(group) => self.disrupted = disrupt_group(group, disruption),
            TargetKind::Cluster(cluster) => self.disrupted = disrupt_cluster(cluster, disruption, random),
        }
    }

    /// Ends it, and waits until the store is healthy.
    pub fn recover(&mut self, disruption: Disruption) {
        match &mut self.kind {
            TargetKind::Embedded => {}
            TargetKind::Redis { server, .. } => recover_server(server, disruption),
            TargetKind::Sentinel(group) => recover_group(group, disruption, &self.disrupted),
            TargetKind::Cluster(cluster) => recover_cluster(cluster, disruption, &self.disrupted),
        }
    }

    /// A store over the same data. With SQLite no other process may be running.
    pub async fn store(&self) -> Arc<dyn Store> {
        let addresses = |ports: Vec<u16>| ports.into_iter().map(|port| NodeAddress::new("127.0.0.1", port)).collect();
        let settings = match &self.kind {
            TargetKind::Embedded => {
                let settings = sqlite_settings(&self.folder.path().join("userd.db"));
                return Arc::new(SqliteStore::open(&settings).expect("the database can be opened"));
            }
            TargetKind::Redis { server, allow_volatile_store, .. } => {
                RedisSettings { allow_volatile_store: *allow_volatile_store, ..server.settings() }
            }
            TargetKind::Sentinel(group) => redis_settings::sentinel(addresses(group.ports()), SERVICE),
            TargetKind::Cluster(cluster) => redis_settings::cluster(addresses(cluster.ports())),
        };
        Arc::new(store_with_long_timeout(settings).await)
    }

    /// Contradictions in its data. Nothing may write meanwhile.
    pub fn contradictions(&self) -> Vec<String> {
        match &self.kind {
            TargetKind::Embedded => audit_database(&self.folder.path().join("userd.db")).expect("a database"),
            TargetKind::Redis { server, .. } => audit(server, "userd:").contradictions,
            TargetKind::Sentinel(group) => audit(group, "userd:").contradictions,
            TargetKind::Cluster(cluster) => audit(cluster, "userd:").contradictions,
        }
    }
}
