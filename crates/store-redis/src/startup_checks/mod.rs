//! What is asked of a Redis before accounts are entrusted to it, and what follows from the answers.
//!
//! The judging is a pure function over what `INFO` and `CONFIG GET` said, so that every row can be tested
//! without a server. Where a command is forbidden the answer is "unknown", never "ok"; the operator may
//! declare what we can't see (`assume_noeviction`, `assume_durability`). Rows and figures: what Redis was
//! measured to do is in `docs/decisions/0010-redis-start-up-checks.md`.

use std::collections::HashMap;

use super::{AckRequirement, NodeAddress, RedisDurability, RedisSettings};

/// The oldest Redis whose scripts know flags (`#!lua`).
const VERSION_MIN: (u64, u64) = (7, 0);

/// What the server says of itself. A missing entry was not said, or not allowed to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerFacts {
    info: HashMap<String, String>,
    config: HashMap<String, String>,
}

impl ServerFacts {
    /// Reads an answer of `INFO` (`None`: forbidden) and one of `CONFIG GET` as pairs (empty: forbidden).
    pub(super) fn parse(info: Option<&str>, config: HashMap<String, String>) -> Self {
        let pairs = info.unwrap_or_default().lines().filter_map(|line| line.trim_end().split_once(':'));
        Self { info: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(), config }
    }

    fn info(&self, key: &str) -> Option<&str> {
        self.info.get(key).map(String::as_str)
    }

    fn config(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }

    /// The server is still reading its data from disk.
    pub(super) fn is_loading(&self) -> bool {
        self.info("loading") == Some("1")
    }

    /// How many replicas follow, by the primary's word, less those that are still being sent all data, which takes
    /// minutes where there is much: they confirm nothing meanwhile, and nobody makes them primary.
    pub(super) fn replicas(&self) -> Option<usize> {
        let is_replica = |key: &str| key.strip_prefix("slave").is_some_and(|rest| rest.parse::<u32>().is_ok());
        let syncing = self.info.iter().filter(|(key, text)| is_replica(key) && !text.contains("state=online")).count();
        self.info("connected_slaves")?.parse::<usize>().ok().map(|connected| connected.saturating_sub(syncing))
    }

    /// Which life of the server this is: another one after each start.
    pub(super) fn run_id(&self) -> Option<&str> {
        self.info("run_id")
    }

    /// Which server this is, for the log.
    pub(super) fn version_name(&self) -> String {
        match (self.info("valkey_version"), self.info("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, Some(version)) => format!("Redis {version}"),
            (None, None) => "a server of unknown version".to_owned(),
        }
    }
}

/// What a server is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerRole {
    /// The only one.
    Standalone,
    /// The one that Sentinels name as the primary.
    SentinelPrimary,
    /// A primary of a cluster, as its nodes say.
    ClusterPrimary,
}

/// What follows from the facts: sentences for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StartupReport {
    /// Accounts could be deleted silently, or nothing could work: never serve from this server as it is.
    pub(super) refusals: Vec<String>,
    /// It is not what others say it is, or not yet: ask them again.
    pub(super) unavailable: Vec<String>,
    /// It can't be relied on right now: serve what works, but say "not ready".
    pub(super) not_ready: Vec<String>,
    /// What the operator should know.
    pub(super) warnings: Vec<String>,
}

/// Judges the server at `address` by what it says of itself.
pub(super) fn evaluate(
    facts: &ServerFacts,
    address: &NodeAddress,
    place: ServerRole,
    settings: &RedisSettings,
) -> StartupReport {
    let mut report = StartupReport::default();
    version(facts, &mut report);
    role(facts, address, place, &mut report);
    eviction(facts, settings, &mut report);
    persistence(facts, settings, &mut report);
    disk(facts, &mut report);
    replicas(facts, place, settings, &mut report);
    password(address, settings, &mut report);
    report
}

/// A server that others of its network reach and that let us in without a password lets them in, too.
fn password(address: &NodeAddress, settings: &RedisSettings, report: &mut StartupReport) {
    let local = address.host == "localhost"
        || address.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if settings.login.password.is_none() && !local {
        report.warnings.push(
            "Redis lets userd in without a password, and so everybody who reaches it: give userd a user of its own with \
             the rights in docs/operations/redis.md, and the user default a password"
                .to_owned(),
        );
    }
}

fn version(facts: &ServerFacts, report: &mut StartupReport) {
    let Some(text) = facts.info("redis_version") else {
        report.warnings.push(
            "the server's version is unknown because INFO is forbidden; userd needs Redis 7.0 or newer".to_owned(),
        );
        return;
    };
    let mut numbers = text.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < VERSION_MIN {
        report.refusals.push(format!("Redis {text} is too old; userd needs Redis 7.0 or newer, or any Valkey"));
    }
}

fn role(facts: &ServerFacts, address: &NodeAddress, place: ServerRole, report: &mut StartupReport) {
    let is_node = facts.info("cluster_enabled") == Some("1");
    if facts.info("role") == Some("slave") {
        let primary = facts.info("master_host").unwrap_or("unknown");
        let port = facts.info("master_port").unwrap_or("unknown");
        match place {
            ServerRole::Standalone => report.refusals.push(format!(
                "{address} is a replica and takes no writes; give the address of its primary ({primary}:{port})"
            )),
            ServerRole::SentinelPrimary | ServerRole::ClusterPrimary => {
                report.unavailable.push(format!("{address} is a replica at the moment"));
            }
        }
    }
    match (place, is_node) {
        (ServerRole::ClusterPrimary, false) if facts.info("cluster_enabled").is_some() => {
            report.refusals.push(format!(
                "{address} is no node of a Redis Cluster; give nodes of one, or write redis:// for a single server"
            ))
        }
        (ServerRole::Standalone | ServerRole::SentinelPrimary, true) => report.refusals.push(format!(
            "this server is a node of a Redis Cluster; a redis:// address needs a single server: write \
             redis+cluster://{address}"
        )),
        _ => {}
    }
}

/// What keeps a failover from losing what was acknowledged.
fn replicas(facts: &ServerFacts, place: ServerRole, settings: &RedisSettings, report: &mut StartupReport) {
    let waits = settings.acknowledge != AckRequirement::Primary;
    let Some(count) = facts.replicas() else {
        if waits && place != ServerRole::ClusterPrimary {
            report.warnings.push(
                "how many replicas there are is unknown because INFO is forbidden; redis.replicas_min alone says how \
                 many have to confirm a change: set it to the number of all of them"
                    .to_owned(),
            );
        }
        return;
    };
    if waits && place != ServerRole::ClusterPrimary && count < settings.replicas_min {
        report.not_ready.push(format!(
            "{count} replicas are connected, and redis.acknowledge wants {} to confirm each change: no change can be \
             acknowledged until they are back (or redis.replicas_min is lower)",
            settings.replicas_min
        ));
    }
    if place != ServerRole::Standalone && count == 0 && !waits {
        report
            .warnings
            .push("this primary has no replica: if its machine is lost, so are the accounts on it".to_owned());
    }
    if count > 0 && !waits && facts.config("min-replicas-to-write") == Some("0") {
        report.warnings.push(
            "redis.acknowledge is primary: a failover can undo the last changes that were acknowledged, and a primary \
             that is cut off from its replicas goes on taking them (min-replicas-to-write is 0); \
             redis.acknowledge = \"replicas\" loses none"
                .to_owned(),
        );
    }
    if place == ServerRole::ClusterPrimary && facts.config("cluster-require-full-coverage") == Some("yes") {
        report.warnings.push(
            "cluster-require-full-coverage is yes: when one shard is lost, all others refuse to serve, too; set it to no"
                .to_owned(),
        );
    }
}

fn eviction(facts: &ServerFacts, settings: &RedisSettings, report: &mut StartupReport) {
    match facts.info("maxmemory_policy").or_else(|| facts.config("maxmemory-policy")) {
        Some("noeviction") => {}
        Some(policy) => {
            let what = format!(
                "maxmemory-policy is {policy}: under memory pressure Redis would silently delete accounts or what keeps them unique"
            );
            if settings.allow_eviction {
                report.warnings.push(format!("{what}; serving all the same because redis.allow_eviction is set"));
            } else {
                report
                    .refusals
                    .push(format!("{what}; run CONFIG SET maxmemory-policy noeviction and set it in redis.conf"));
            }
        }
        None if settings.assume_noeviction => {}
        None => report.warnings.push(
            "the eviction policy is unknown because INFO and CONFIG are forbidden; make sure that maxmemory-policy is \
             noeviction, then declare it with redis.assume_noeviction = true"
                .to_owned(),
        ),
    }
    if facts.info("maxmemory") == Some("0") {
        report
            .warnings
            .push("maxmemory is 0: no limit keeps Redis from using all memory of its machine; set one".to_owned());
    }
    if let Some(evicted) = facts.info("evicted_keys").filter(|count| *count != "0") {
        let what = format!("{evicted} keys were evicted since the server started, accounts may be among them");
        if settings.allow_eviction {
            report.warnings.push(what);
        } else {
            report.refusals.push(format!(
                "{what}; restore a backup or check the data, set noeviction, reset the counter with CONFIG RESETSTAT"
            ));
        }
    }
}

/// What an acknowledged write can survive, as far as the server says; `None`: it doesn't say.
fn durability_of(facts: &ServerFacts) -> Option<RedisDurability> {
    match facts.info("aof_enabled")? {
        "1" => match facts.config("appendfsync")? {
            "always" => Some(RedisDurability::Always),
            "everysec" => Some(RedisDurability::EverySec),
            _ => Some(RedisDurability::Rdb),
        },
        _ if facts.config("save")?.is_empty() => Some(RedisDurability::Nothing),
        _ => Some(RedisDurability::Rdb),
    }
}

/// What the operator declares, as far as the server does not contradict it: `INFO` alone says whether there is an
/// append-only file.
fn declared_durability(facts: &ServerFacts, settings: &RedisSettings) -> Option<RedisDurability> {
    match settings.assume_durability {
        Some(RedisDurability::Always | RedisDurability::EverySec) if facts.info("aof_enabled") == Some("0") => {
            Some(RedisDurability::Rdb)
        }
        declared => declared,
    }
}

/// What an acknowledged write can survive, by the server's word or else the operator's.
pub(super) fn durability(facts: &ServerFacts, settings: &RedisSettings) -> Option<RedisDurability> {
    durability_of(facts).or_else(|| declared_durability(facts, settings))
}

fn persistence(facts: &ServerFacts, settings: &RedisSettings, report: &mut StartupReport) {
    match durability(facts, settings) {
        Some(RedisDurability::Always) => {}
        Some(RedisDurability::EverySec) => report.warnings.push(
            "appendfsync is everysec: a loss of power can undo the last one to three seconds of acknowledged changes; \
             always loses nothing"
                .to_owned(),
        ),
        Some(RedisDurability::Rdb) => report.warnings.push(
            "Redis keeps only snapshots (or leaves flushing to the system): a crash undoes every change since the last \
             one; set appendonly yes and appendfsync always"
                .to_owned(),
        ),
        Some(RedisDurability::Nothing) if settings.allow_volatile_store => {
            report.warnings.push("Redis keeps nothing on disk: a restart deletes every account (redis.allow_volatile_store is set)".to_owned());
        }
        Some(RedisDurability::Nothing) => report.refusals.push(
            "Redis keeps nothing on disk, so that a restart would delete every account; set appendonly yes and appendfsync \
             always, or redis.allow_volatile_store = true where that is meant"
                .to_owned(),
        ),
        None => report.warnings.push(
            "what Redis keeps on disk is unknown because CONFIG or INFO is forbidden; declare it with \
             redis.assume_durability = \"always\", \"everysec\", \"rdb\" or \"none\""
                .to_owned(),
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
            report.not_ready.push(format!("Redis can't write {what} ({key}); look at its disk and its log"));
        }
    }
}

#[cfg(test)]
mod tests;
