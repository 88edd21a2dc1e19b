//! Servers on which the real program refuses to start: another kind than configured, without access, or with data that
//! it cannot read. It prints one error, ends with a code that is not 0, and has written nothing.

use std::collections::BTreeMap;

use tempfile::TempDir;

use userd_test_support::redis_cluster::{ClusterPlan, RedisCluster};
use userd_test_support::redis_sentinel::{GroupPasswords, SentinelGroup};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::server_plan::RedisServerPlan;
use userd_test_support::test_authority::TestAuthority;
use userd_test_support::userd_process::UserdCommand;

/// All data of a server: each key with its serialised value.
fn dump_keys(server: &RedisServer) -> BTreeMap<String, redis::Value> {
    let dump_keys = |key: String| {
        let value = server.command(&["DUMP", &key]);
        (key, value)
    };
    server.texts(&["KEYS", "*"]).into_iter().map(dump_keys).collect()
}

/// A start that is refused, with the servers that it must not write to.
struct RefusedStart<'s> {
    folder: TempDir,
    launch: UserdCommand,
    servers: Vec<&'s RedisServer>,
}

impl<'s> RefusedStart<'s> {
    fn on(store: &str, servers: Vec<&'s RedisServer>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let launch = UserdCommand::in_folder(folder.path()).store(store).cheap_hashes();
        Self { folder, launch, servers }
    }

    fn on_cluster(store: &str, cluster: &'s RedisCluster) -> Self {
        Self::on(store, cluster.up().map(|node| cluster.server(node)).collect())
    }

    fn set(self, key: &str, value: &str) -> Self {
        Self { launch: self.launch.set(key, value), ..self }
    }

    /// It is refused with an error that has these words.
    fn assert_says(self, words: &[&str]) {
        let before: Vec<_> = self.servers.iter().map(|server| dump_keys(server)).collect();
        let mut refused = self.launch.spawn();
        let line = refused.wait_for_log_line("userd ends: ");
        assert_eq!(refused.wait(), Some(1), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "no {words:?} in {line}");
        assert_eq!(refused.log().matches("userd ends").count(), 1, "{}", refused.log());
        let after: Vec<_> = self.servers.iter().map(|server| dump_keys(server)).collect();
        assert_eq!(after, before, "nothing is written");
        assert_eq!(self.folder.path().read_dir().expect("the folder").count(), 0, "nothing is written next to it");
    }
}

/// The address as in a URL.
fn host(server: &RedisServer) -> String {
    format!("127.0.0.1:{}", server.port())
}

#[test]
fn nodes_that_are_not_of_one_cluster_are_refused() {
    let (one, other, plain) = (RedisCluster::start(1, 0), RedisCluster::start(1, 0), RedisServer::start());
    let (node, foreign) = (one.server(0), other.server(0));
    let two = format!("redis+cluster://{},{}", host(node), host(foreign));
    RefusedStart::on(&two, vec![node, foreign]).assert_says(&["two different clusters", &host(foreign), &host(node)]);
    let single = format!("redis+cluster://{}", host(&plain));
    RefusedStart::on(&single, vec![&plain]).assert_says(&["is not a node of a Redis Cluster", "redis://"]);
    let mixed = format!("redis+cluster://{},{}", host(node), host(&plain));
    RefusedStart::on(&mixed, vec![node, &plain]).assert_says(&["is not a node of a Redis Cluster", &host(&plain)]);
    let alone = format!("redis://{}/0", host(node));
    RefusedStart::on(&alone, vec![node]).assert_says(&["node of a Redis Cluster", "redis+cluster://"]);
    let numbered = format!("redis+cluster://{}/1", host(node));
    let mut refused = RefusedStart::on(&numbered, vec![node]).launch.spawn();
    refused.wait_for_log_line("a cluster has only one");
    assert_ne!(refused.wait(), Some(0));
    assert!(dump_keys(node).is_empty());
}

#[test]
fn a_cluster_that_is_not_whole_is_refused() {
    let cluster = RedisCluster::start(3, 0);
    cluster.server(1).command(&["CLUSTER", "DELSLOTSRANGE", "6000", "6001"]);
    let one = format!("redis+cluster://{}", host(cluster.server(1)));
    RefusedStart::on_cluster(&one, &cluster).assert_says(&["serves only 16382 of 16384 slots"]);
}

#[test]
fn a_start_with_a_wrong_redis_password_is_refused() {
    let single = RedisServer::start_with(&["--requirepass", "open-sesame"]);
    let cluster = ClusterPlan::of(3, 0).password("open-sesame").start();
    let group = SentinelGroup::start_with(GroupPasswords { server: "open-sesame", sentinel: "abracadabra" });
    let words = ["Redis refused the user name or password", "redis.password"];
    for password in ["", "wrong"] {
        RefusedStart::on(&single.url(), vec![&single]).set("redis.password", password).assert_says(&words);
        RefusedStart::on_cluster(&cluster.url(), &cluster).set("redis.password", password).assert_says(&words);
        let servers = vec![group.server(0)];
        let refusal = RefusedStart::on(&group.url(), servers.clone()).set("redis.sentinel_password", "abracadabra");
        refusal.set("redis.password", password).assert_says(&words);
        let refusal = RefusedStart::on(&group.url(), servers).set("redis.password", "open-sesame");
        refusal.set("redis.sentinel_password", password).assert_says(&["Sentinel", "redis.sentinel_password"]);
    }
}

#[test]
fn sentinels_that_are_none_or_do_not_know_the_service_are_refused() {
    let (group, plain) = (SentinelGroup::start(), RedisServer::start());
    let url = group.url().replace("/accounts/", "/acounts/");
    RefusedStart::on(&url, vec![group.server(0)]).assert_says(&["the Sentinels know no service \"acounts\""]);
    let url = format!("redis+sentinel://{}/accounts", host(&plain));
    RefusedStart::on(&url, vec![&plain]).assert_says(&["is not a Sentinel"]);
}

#[test]
fn a_certificate_by_an_unknown_authority_is_refused() {
    let (authority, unknown) = (TestAuthority::new(), TestAuthority::new());
    let server = RedisServerPlan::persistent().tls(&authority).start();
    let cluster = ClusterPlan::of(3, 0).tls(&authority).start();
    let file = |authority: &TestAuthority| authority.certificate().to_string_lossy().into_owned();
    let words = ["the server's certificate is refused", "redis.tls_ca_file"];
    let refusal = RefusedStart::on(&server.url(), vec![&server]);
    refusal.set("redis.tls_ca_file", &file(&unknown)).assert_says(&words);
    // The public authorities do not know it either.
    RefusedStart::on(&server.url(), vec![&server]).assert_says(&words);
    let refusal = RefusedStart::on_cluster(&cluster.url(), &cluster);
    refusal.set("redis.tls_ca_file", &file(&unknown)).assert_says(&words);
}

#[test]
fn a_tls_mismatch_is_distinguished_from_an_unreachable_server() {
    let (authority, plain) = (TestAuthority::new(), RedisServer::start_with(&["--requirepass", "open-sesame"]));
    let server = RedisServerPlan::persistent().tls(&authority).start();
    let file = authority.certificate().to_string_lossy().into_owned();
    let words = ["does not speak TLS at this port", &host(&plain), "redis://"];
    let url = plain.url().replace("redis://", "rediss://");
    RefusedStart::on(&url, vec![&plain]).set("redis.tls_ca_file", &file).assert_says(&words);
    let url = format!("rediss+cluster://{}", host(&plain));
    RefusedStart::on(&url, vec![&plain]).assert_says(&words);
    let url = format!("rediss+sentinel://{}/accounts", host(&plain));
    RefusedStart::on(&url, vec![&plain]).assert_says(&words);
    let words = ["speaks TLS at this port", &host(&server), "rediss://"];
    for url in [server.url().replace("rediss://", "redis://"), format!("redis+cluster://{}", host(&server))] {
        RefusedStart::on(&url, vec![&server]).assert_says(&words);
    }
}

#[test]
fn accounts_in_a_format_that_is_unknown_are_left_alone() {
    let (single, cluster) = (RedisServer::start(), RedisCluster::start(3, 0));
    let meta = cluster.server(cluster.primary_of_key("userd:meta"));
    let words = ["were written in format 99 with e-mail canonicalisation 1", "run the userd that wrote them"];
    for (server, refusal) in [
        (&single, RefusedStart::on(&single.url(), vec![&single])),
        (meta, RefusedStart::on_cluster(&cluster.url(), &cluster)),
    ] {
        server.command(&["HSET", "userd:meta", "format", "99", "canonical", "1"]);
        refusal.assert_says(&words);
    }
}
