//! Every start-up check, on recorded answers of servers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::settings::{
    AckRequirement, NodeAddress, RedisDurability, RedisSettings, SentinelSettings, ServerCredentials, ServerTopology,
    StoreIdPolicy,
};

const GOOD: &str = "redis_version:7.0.15\r\nrole:master\r\nloading:0\r\nmaxmemory:1000000\r\nmaxmemory_policy:noeviction\r\n\
    evicted_keys:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\nrdb_last_bgsave_status:ok\r\n\
    cluster_enabled:0\r\n";

/// The report on a standalone server.
fn evaluate_standalone(facts: &ServerFacts, settings: &RedisSettings) -> StartupReport {
    evaluate(facts, &NodeAddress::new("127.0.0.1", 6379), settings)
}

fn settings() -> RedisSettings {
    RedisSettings {
        servers: ServerTopology::Standalone(NodeAddress::new("127.0.0.1", 6379)),
        db: 0,
        login: ServerCredentials::default(),
        tls: false,
        tls_ca: None,
        prefix: "userd:".to_owned(),
        acknowledge: AckRequirement::Primary,
        replicas_min: 1,
        timeout: Duration::from_secs(1),
        in_flight_max: 4096,
        recheck_every: Duration::from_secs(30),
        store_id_every: Duration::from_secs(2),
        store_id: StoreIdPolicy::Enforce,
        busy_pause: Duration::from_millis(20),
        events_retention_max: userd_store::EVENTS_RETENTION_DEFAULT,
        allow_volatile_store: false,
        allow_incomplete_store: false,
        allow_eviction: false,
        assume_noeviction: false,
        assume_durability: None,
        metrics: Arc::default(),
    }
}

fn facts(replace: &[(&str, &str)], config: &[(&str, &str)]) -> ServerFacts {
    let mut info = GOOD.to_owned();
    for (key, value) in replace {
        let lines: Vec<String> =
            info.lines().filter(|line| !line.starts_with(&format!("{key}:"))).map(str::to_owned).collect();
        info = format!("{}\r\n{key}:{value}\r\n", lines.join("\r\n"));
    }
    ServerFacts::parse(
        Some(&info),
        config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    )
}

fn always() -> [(&'static str, &'static str); 2] {
    [("appendfsync", "always"), ("save", "")]
}

#[test]
fn a_well_configured_server_gets_no_message() {
    assert_eq!(evaluate_standalone(&facts(&[], &always()), &settings()), StartupReport::default());
}

#[test]
fn what_could_delete_accounts_silently_is_refused() {
    for (replace, config, words) in [
        (vec![("maxmemory_policy", "allkeys-lru")], always(), "maxmemory-policy is allkeys-lru"),
        (vec![("maxmemory_policy", "volatile-ttl")], always(), "maxmemory-policy is volatile-ttl"),
        (vec![("evicted_keys", "3")], always(), "3 keys were evicted"),
        (vec![("aof_enabled", "0")], [("appendfsync", "everysec"), ("save", "")], "keeps nothing on disk"),
        (
            vec![("role", "slave"), ("master_host", "10.0.0.1"), ("master_port", "6380")],
            always(),
            "its primary (10.0.0.1:6380)",
        ),
        (vec![("redis_version", "6.2.6")], always(), "too old"),
        (vec![("cluster_enabled", "1")], always(), "node of a Redis Cluster"),
    ] {
        let report = evaluate_standalone(&facts(&replace, &config), &settings());
        assert_eq!(report.refusals.len(), 1, "{words}: {report:?}");
        assert!(report.refusals[0].contains(words), "{words}: {report:?}");
    }
}

#[test]
fn what_can_be_lost_is_a_warning() {
    for (replace, config, words) in [
        (vec![], [("appendfsync", "everysec"), ("save", "")], "one to three seconds"),
        (vec![], [("appendfsync", "no"), ("save", "")], "only snapshots"),
        (vec![("aof_enabled", "0")], [("appendfsync", "everysec"), ("save", "3600 1")], "only snapshots"),
        (vec![("maxmemory", "0")], always(), "maxmemory is 0"),
    ] {
        let report = evaluate_standalone(&facts(&replace, &config), &settings());
        assert!(report.refusals.is_empty(), "{report:?}");
        assert_eq!(report.warnings.len(), 1, "{words}: {report:?}");
        assert!(report.warnings[0].contains(words), "{words}: {report:?}");
    }
}

#[test]
fn the_operator_may_allow_by_name_what_is_refused() {
    let settings = RedisSettings { allow_eviction: true, allow_volatile_store: true, ..settings() };
    let server = facts(
        &[("maxmemory_policy", "allkeys-lru"), ("evicted_keys", "3"), ("aof_enabled", "0")],
        &[("appendfsync", "everysec"), ("save", "")],
    );
    let report = evaluate_standalone(&server, &settings);
    assert!(report.refusals.is_empty(), "{report:?}");
    assert_eq!(report.warnings.len(), 3, "{report:?}");
}

#[test]
fn unknown_settings_are_warnings_and_never_ok() {
    let report = evaluate_standalone(&ServerFacts::parse(None, HashMap::new()), &settings());
    assert!(report.refusals.is_empty(), "{report:?}");
    assert_eq!(report.warnings.len(), 3, "{report:?}");
    let declared =
        RedisSettings { assume_noeviction: true, assume_durability: Some(RedisDurability::Always), ..settings() };
    assert_eq!(
        evaluate_standalone(&ServerFacts::parse(None, HashMap::new()), &declared).warnings.len(),
        1,
        "only the version is left unknown"
    );
    let volatile = RedisSettings { assume_durability: Some(RedisDurability::Nothing), ..settings() };
    assert_eq!(
        evaluate_standalone(&ServerFacts::parse(None, HashMap::new()), &volatile).refusals.len(),
        1,
        "a declaration counts like the server's own setting"
    );
}

#[test]
fn a_declaration_that_the_server_contradicts_does_not_count() {
    let declared = RedisSettings { assume_durability: Some(RedisDurability::Always), ..settings() };
    assert_eq!(evaluate_standalone(&facts(&[], &[]), &declared), StartupReport::default());
    let report = evaluate_standalone(&facts(&[("aof_enabled", "0")], &[]), &declared);
    assert_eq!(report.warnings.len(), 1, "{report:?}");
    assert!(report.warnings[0].contains("only snapshots"), "{report:?}");
}

#[test]
fn a_server_that_can_not_write_its_disk_is_not_ready() {
    for key in ["aof_last_write_status", "rdb_last_bgsave_status", "aof_last_bgrewrite_status"] {
        let report = evaluate_standalone(&facts(&[(key, "err")], &always()), &settings());
        assert!(report.refusals.is_empty() && report.not_ready.len() == 1, "{report:?}");
        assert!(report.not_ready[0].contains(key));
    }
}

#[test]
fn a_loading_server_is_detected_and_named() {
    assert!(facts(&[("loading", "1")], &[]).is_loading());
    assert!(!facts(&[], &[]).is_loading());
    assert_eq!(facts(&[("valkey_version", "8.1.1")], &[]).version_name(), "Valkey 8.1.1");
    assert_eq!(ServerFacts::default().version_name(), "a server of unknown version");
}

#[test]
fn a_demoted_primary_is_unavailable_and_not_refused() {
    let server = facts(&[("role", "slave"), ("cluster_enabled", "1")], &always());
    let settings = RedisSettings { servers: ServerTopology::Cluster(Vec::new()), ..settings() };
    let report = evaluate(&server, &NodeAddress::new("127.0.0.1", 6379), &settings);
    assert_eq!((report.refusals.len(), report.unavailable.len()), (0, 1), "{report:?}");
}

#[test]
fn what_a_failover_could_lose_depends_on_role_and_acknowledgement() {
    let (address, login) = (NodeAddress::new("127.0.0.1", 6379), ServerCredentials::default());
    let sentinels = SentinelSettings { addresses: vec![address.clone()], service: "accounts".to_owned(), login };
    let (alone, primary) = (ServerTopology::Standalone(address), ServerTopology::Sentinel(sentinels));
    let messages = |servers: &ServerTopology, acknowledge, replicas: &str, config: &[(&str, &str)]| {
        let online = "ip=10.0.0.2,port=6379,state=online,offset=9,lag=0";
        let joining = "ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=0";
        // The connected replicas, and one in its first synchronisation.
        let connected = (replicas.parse::<usize>().expect("a number") + 1).to_string();
        let first =
            [("connected_slaves", connected.as_str()), ("slave0", if replicas == "0" { joining } else { online })];
        let rest = [("slave1", if replicas == "2" { online } else { joining }), ("slave2", joining)];
        let server = facts(&[first, rest].concat(), config);
        let settings = RedisSettings { servers: servers.clone(), acknowledge, ..settings() };
        let report = evaluate(&server, &NodeAddress::new("127.0.0.1", 6379), &settings);
        (report.warnings.join(" "), report.not_ready.join(" "))
    };
    let isolated = [("appendfsync", "always"), ("min-replicas-to-write", "0")];
    assert!(messages(&primary, AckRequirement::Primary, "2", &isolated).0.contains("a failover can undo"));
    assert!(messages(&primary, AckRequirement::Primary, "0", &isolated).0.contains("has no replica"));
    assert_eq!(messages(&primary, AckRequirement::Replicas, "2", &isolated), (String::new(), String::new()));
    assert!(messages(&primary, AckRequirement::Replicas, "0", &isolated).1.contains("redis.replicas_min"));
    assert_eq!(messages(&alone, AckRequirement::Primary, "0", &always()), (String::new(), String::new()));
    let unknown = RedisSettings { acknowledge: AckRequirement::Replicas, ..settings() };
    let report = evaluate_standalone(&ServerFacts::parse(None, HashMap::new()), &unknown);
    assert!(report.warnings.iter().any(|warning| warning.contains("how many replicas there are is unknown")));
}

#[test]
fn a_remote_server_without_a_password_is_a_warning() {
    let server = facts(&[], &always());
    let report = evaluate(&server, &NodeAddress::new("10.0.0.1", 6379), &settings());
    assert!(report.warnings[0].contains("without a password"), "{report:?}");
}
