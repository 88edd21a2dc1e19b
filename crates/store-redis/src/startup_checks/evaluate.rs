//! The checks: pure functions of what a server says about itself.

use super::facts::{ServerFacts, durability};
use crate::settings::{AckRequirement, NodeAddress, RedisDurability, RedisSettings, ServerTopology};

/// The oldest Redis that supports script flags (`#!lua`).
const MAJOR_VERSION_MIN: u64 = 7;

/// The result of the checks: messages for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StartupReport {
    /// Accounts could be lost silently, or nothing would work: userd does not use the server.
    pub(crate) refusals: Vec<String>,
    /// It does not have the role that Sentinels or cluster give it, or not yet: userd looks the primary up again.
    pub(crate) unavailable: Vec<String>,
    /// It does not work fully at the moment: userd serves what works, and is not ready.
    pub(crate) not_ready: Vec<String>,
    /// What the operator should know.
    pub(crate) warnings: Vec<String>,
}

impl StartupReport {
    fn refuse(&mut self, why: impl Into<String>) {
        self.refusals.push(why.into());
    }

    fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(what.into());
    }
}

/// Checks the server at `address`.
pub(crate) fn evaluate(facts: &ServerFacts, address: &NodeAddress, settings: &RedisSettings) -> StartupReport {
    let mut report = StartupReport::default();
    version(facts, &mut report);
    role(facts, address, settings, &mut report);
    eviction(facts, settings, &mut report);
    persistence(facts, settings, &mut report);
    disk(facts, &mut report);
    replicas(facts, settings, &mut report);
    password(address, settings, &mut report);
    report
}

/// A server that is reachable over the network and needs no password is open to every host there.
fn password(address: &NodeAddress, settings: &RedisSettings, report: &mut StartupReport) {
    let local = address.host == "localhost"
        || address.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if settings.login.password.is_none() && !local {
        report.warn(
            "Redis lets userd in without a password, and so every client that reaches it: create a user for userd with \
             the permissions in docs/operations/redis.md, and set a password for the user default",
        );
    }
}

fn version(facts: &ServerFacts, report: &mut StartupReport) {
    let Some(text) = facts.info("redis_version") else {
        report.warn("the server's version is unknown because INFO is forbidden; userd needs Redis 7.0 or newer");
        return;
    };
    let major = text.split('.').next().and_then(|major| major.parse::<u64>().ok()).unwrap_or(0);
    if major < MAJOR_VERSION_MIN {
        report.refuse(format!("Redis {text} is too old; userd needs Redis 7.0 or newer, or any Valkey"));
    }
}

fn role(facts: &ServerFacts, address: &NodeAddress, settings: &RedisSettings, report: &mut StartupReport) {
    if facts.info("role") == Some("slave") {
        let primary = facts.info("master_host").unwrap_or("unknown");
        let port = facts.info("master_port").unwrap_or("unknown");
        match settings.servers {
            ServerTopology::Standalone(_) => report.refuse(format!(
                "{address} is a replica and takes no writes; give the address of its primary ({primary}:{port})"
            )),
            ServerTopology::Sentinel(_) | ServerTopology::Cluster(_) => {
                report.unavailable.push(format!("{address} is a replica at the moment"));
            }
        }
    }
    match (settings.is_cluster(), facts.info("cluster_enabled")) {
        (true, Some(enabled)) if enabled != "1" => report.refuse(format!(
            "{address} is not a node of a Redis Cluster; name nodes of one, or write redis:// for a single server"
        )),
        (false, Some("1")) => report.refuse(format!(
            "this server is a node of a Redis Cluster; a redis:// address needs a single server: write \
             redis+cluster://{address}"
        )),
        _ => {}
    }
}

/// Whether a failover can lose acknowledged changes.
fn replicas(facts: &ServerFacts, settings: &RedisSettings, report: &mut StartupReport) {
    let waits = settings.acknowledge != AckRequirement::Primary;
    let (is_cluster, is_alone) = (settings.is_cluster(), matches!(settings.servers, ServerTopology::Standalone(_)));
    let Some(count) = facts.replicas() else {
        if waits && !is_cluster {
            report.warn(
                "how many replicas there are is unknown because INFO is forbidden; redis.replicas_min alone decides \
                 how many have to acknowledge a change: set it to the number of all replicas",
            );
        }
        return;
    };
    if waits && !is_cluster && count < settings.replicas_min {
        report.not_ready.push(format!(
            "{count} replicas are connected, and redis.acknowledge requires {} to acknowledge each change: no change \
             can be made until they are back (or redis.replicas_min is lowered)",
            settings.replicas_min
        ));
    }
    if !is_alone && count == 0 && !waits {
        report.warn("this primary has no replica: if its machine is lost, so are the accounts on it");
    }
    if count > 0 && !waits && facts.config("min-replicas-to-write") == Some("0") {
        report.warn(
            "redis.acknowledge is primary: a failover can undo the last changes that were acknowledged, and a primary \
             that is isolated from its replicas continues to take them (min-replicas-to-write is 0); \
             redis.acknowledge = \"replicas\" loses none",
        );
    }
    if is_cluster && facts.config("cluster-require-full-coverage") == Some("yes") {
        report.warn(
            "cluster-require-full-coverage is yes: if one shard is lost, all others stop serving, too; set it to no",
        );
    }
}

fn eviction(facts: &ServerFacts, settings: &RedisSettings, report: &mut StartupReport) {
    match facts.info("maxmemory_policy").or_else(|| facts.config("maxmemory-policy")) {
        Some("noeviction") => {}
        Some(policy) => {
            let what = format!(
                "maxmemory-policy is {policy}: under memory pressure Redis would silently delete accounts or what keeps \
                 them unique"
            );
            if settings.allow_eviction {
                report.warn(format!("{what}; serving anyway because redis.allow_eviction is set"));
            } else {
                report.refuse(format!("{what}; run CONFIG SET maxmemory-policy noeviction and set it in redis.conf"));
            }
        }
        None if settings.assume_noeviction => {}
        None => report.warn(
            "the eviction policy is unknown because INFO and CONFIG are forbidden; make sure that maxmemory-policy is \
             noeviction, then declare it with redis.assume_noeviction = true",
        ),
    }
    if facts.info("maxmemory") == Some("0") {
        report.warn("maxmemory is 0: Redis may use all memory of its machine; set a limit");
    }
    if let Some(evicted) = facts.info("evicted_keys").filter(|count| *count != "0") {
        let what = format!("{evicted} keys were evicted since the server started, and accounts may be among them");
        if settings.allow_eviction {
            report.warn(what);
        } else {
            report.refuse(format!(
                "{what}; restore a backup or check the data, set noeviction, and reset the counter with CONFIG \
                 RESETSTAT"
            ));
        }
    }
}

fn persistence(facts: &ServerFacts, settings: &RedisSettings, report: &mut StartupReport) {
    match durability(facts, settings) {
        Some(RedisDurability::Always) => {}
        Some(RedisDurability::EverySec) => report.warn(
            "appendfsync is everysec: a power loss can undo the last one to three seconds of acknowledged changes; \
             always loses none",
        ),
        Some(RedisDurability::Rdb) => report.warn(
            "Redis keeps only snapshots (or leaves flushing to the system): a crash undoes every change since the last \
             one; set appendonly yes and appendfsync always",
        ),
        Some(RedisDurability::Nothing) if settings.allow_volatile_store => {
            report.warn(
                "Redis keeps nothing on disk: a restart deletes every account (redis.allow_volatile_store is set)",
            );
        }
        Some(RedisDurability::Nothing) => report.refuse(
            "Redis keeps nothing on disk, so a restart would delete every account; set appendonly yes and appendfsync \
             always, or redis.allow_volatile_store = true if that is intended",
        ),
        None => report.warn(
            "what Redis keeps on disk is unknown because CONFIG or INFO is forbidden; declare it with \
             redis.assume_durability = \"always\", \"everysec\", \"rdb\" or \"none\"",
        ),
    }
}

fn disk(facts: &ServerFacts, report: &mut StartupReport) {
    for (key, what) in [
        ("aof_last_write_status", "its append-only file"),
        ("aof_last_bgrewrite_status", "the rewrite of its append-only file"),
        ("rdb_last_bgsave_status", "its snapshot"),
    ] {
        if facts.info(key).is_some_and(|status| status != "ok") {
            report.not_ready.push(format!("Redis cannot write {what} ({key}); check its disk and its log"));
        }
    }
}
