//! What can be done to a store from outside, and how each kind of store does it.
//!
//! A disruption begins with `disrupt` and ends with `recover`; afterwards the store is healthy, so that two disruptions
//! never hit the same data. One without an end of its own (a failover on demand) is complete when it begins.

use userd_core::random::SeededRandom;

use crate::random_numbers::{random_below, random_index};
use crate::redis_cluster::{FailoverMode, RedisCluster, SLOTS};
use crate::redis_sentinel::SentinelGroup;
use crate::redis_server::RedisServer;
use crate::slot_migration::SlotMigration;

/// How many slots one disruption moves.
const SLOTS_MOVED: u64 = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// kill -9 of a primary, which is started again after a while.
    Kill,
    /// SIGSTOP of a primary for a while.
    Freeze,
    /// A replica becomes primary in agreement with the one it follows.
    Planned,
    /// A replica becomes primary at once, without agreement.
    Takeover,
    /// Slots move from one primary to another.
    Reshard,
    /// A primary and all its replicas are killed, and started again after a while.
    ShardGone,
}

impl Disruption {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "primary killed",
            Self::Freeze => "primary frozen",
            Self::Planned => "planned failover",
            Self::Takeover => "takeover",
            Self::Reshard => "slots moved (40 each)",
            Self::ShardGone => "shard gone",
        }
    }
}

/// One server.
pub fn disrupt_server(server: &mut RedisServer, disruption: Disruption) {
    match disruption {
        Disruption::Kill => server.kill(),
        Disruption::Freeze => server.freeze(),
        other => panic!("one server takes no {other:?}"),
    }
}

pub fn recover_server(server: &mut RedisServer, disruption: Disruption) {
    match disruption {
        Disruption::Kill => server.start_again(),
        _ => server.thaw(),
    }
}

/// A primary with Sentinels; returns the disrupted server.
pub fn disrupt_group(group: &mut SentinelGroup, disruption: Disruption) -> Vec<usize> {
    let primary = group.primary();
    match disruption {
        Disruption::Kill => group.kill(primary),
        Disruption::Freeze => group.freeze(primary),
        Disruption::Planned => {
            group.failover();
        }
        other => panic!("a group with Sentinels takes no {other:?}"),
    }
    vec![primary]
}

pub fn recover_group(group: &mut SentinelGroup, disruption: Disruption, disrupted: &[usize]) {
    for &server in disrupted {
        match disruption {
            Disruption::Kill => group.start_again(server),
            Disruption::Freeze => group.thaw(server),
            _ => {}
        }
    }
    group.wait_until_healthy();
}

/// A cluster; returns the disrupted nodes, primaries first.
pub fn disrupt_cluster(cluster: &mut RedisCluster, disruption: Disruption, random: &SeededRandom) -> Vec<usize> {
    let primaries = cluster.primaries();
    let one_of = |list: &[usize]| list[random_index(random, list.len())];
    let primary = one_of(&primaries);
    match disruption {
        Disruption::Kill => cluster.kill(primary),
        Disruption::Freeze => cluster.freeze(primary),
        Disruption::Planned => cluster.failover(one_of(&cluster.replicas_of(primary)), FailoverMode::Coordinated),
        Disruption::Takeover => cluster.failover(one_of(&cluster.replicas_of(primary)), FailoverMode::Takeover),
        Disruption::Reshard => reshard(cluster, &primaries, random),
        Disruption::ShardGone => {
            let replicas = cluster.replicas_of(primary);
            let shard: Vec<usize> = std::iter::once(primary).chain(replicas).collect();
            for &node in &shard {
                cluster.kill(node);
            }
            return shard;
        }
    }
    vec![primary]
}

/// Moves some slots, each from its primary to the next one.
fn reshard(cluster: &RedisCluster, primaries: &[usize], random: &SeededRandom) {
    for _ in 0..SLOTS_MOVED {
        let slot = u16::try_from(random_below(random, u64::from(SLOTS))).unwrap_or_default();
        let from = cluster.primary_of(slot).expect("every slot is served");
        let place = primaries.iter().position(|&primary| primary == from).unwrap_or_default();
        SlotMigration::begin(cluster, slot, primaries[(place + 1) % primaries.len()]).finish();
    }
}

pub fn recover_cluster(cluster: &mut RedisCluster, disruption: Disruption, disrupted: &[usize]) {
    for &node in disrupted {
        match disruption {
            Disruption::Kill | Disruption::ShardGone => cluster.start_again(node),
            Disruption::Freeze => cluster.thaw(node),
            _ => {}
        }
    }
    cluster.wait_until_healthy();
}
