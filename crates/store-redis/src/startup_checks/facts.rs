//! What a server says about itself, as returned by `INFO` and `CONFIG GET`.

use std::collections::HashMap;

use crate::settings::{RedisDurability, RedisSettings};

/// What the server says about itself. A missing entry was not returned, or reading it is forbidden.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    info: HashMap<String, String>,
    config: HashMap<String, String>,
}

impl ServerFacts {
    /// Parses the answer to `INFO` (`None`: forbidden), and takes the pairs of `CONFIG GET` (empty: forbidden).
    pub(crate) fn parse(info: Option<&str>, config: HashMap<String, String>) -> Self {
        let pairs = info.unwrap_or_default().lines().filter_map(|line| line.trim_end().split_once(':'));
        Self { info: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(), config }
    }

    /// A value of `INFO`.
    pub(super) fn info(&self, key: &str) -> Option<&str> {
        self.info.get(key).map(String::as_str)
    }

    /// A value of `CONFIG GET`.
    pub(super) fn config(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }

    /// Whether the server is still loading its data from disk.
    pub(crate) fn is_loading(&self) -> bool {
        self.info("loading") == Some("1")
    }

    /// How many replicas are connected, without those in their first synchronisation, which can take minutes: they
    /// acknowledge nothing meanwhile, and cannot be promoted.
    pub(crate) fn replicas(&self) -> Option<usize> {
        let is_replica = |key: &str| key.strip_prefix("slave").is_some_and(|rest| rest.parse::<u32>().is_ok());
        let syncing = self.info.iter().filter(|(key, text)| is_replica(key) && !text.contains("state=online")).count();
        self.info("connected_slaves")?.parse::<usize>().ok().map(|connected| connected.saturating_sub(syncing))
    }

    /// The run id, which identifies the server process: it changes at each restart.
    pub(crate) fn run_id(&self) -> Option<&str> {
        self.info("run_id")
    }

    /// Name and version of the server, for the log.
    pub(crate) fn version_name(&self) -> String {
        match (self.info("valkey_version"), self.info("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, Some(version)) => format!("Redis {version}"),
            (None, None) => "a server of unknown version".to_owned(),
        }
    }
}

/// Which acknowledged writes survive a power loss, by the server's own settings; `None` if they are unknown.
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

/// Which acknowledged writes survive a power loss, by the server's settings, or else by the operator's declaration,
/// unless the server contradicts it: `INFO` says whether there is an append-only file.
pub(crate) fn durability(facts: &ServerFacts, settings: &RedisSettings) -> Option<RedisDurability> {
    durability_of(facts).or(match settings.assume_durability {
        Some(RedisDurability::Always | RedisDurability::EverySec) if facts.info("aof_enabled") == Some("0") => {
            Some(RedisDurability::Rdb)
        }
        declared => declared,
    })
}
