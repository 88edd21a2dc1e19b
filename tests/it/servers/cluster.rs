//! Redis Clusters.

use std::collections::BTreeSet;

use userd_test_support::redis_cluster::{ClusterPlan, FailoverMode, RedisCluster, SLOTS};
use userd_test_support::redis_server::wait_for;
use userd_test_support::slot_migration::SlotMigration;
use userd_test_support::test_authority::TestAuthority;

/// Sets a key on the node that serves it.
fn set(cluster: &RedisCluster, key: &str, value: &str) {
    assert_eq!(cluster.server(cluster.primary_of_key(key)).text(&["SET", key, value]), "OK", "{key}");
}

fn get(cluster: &RedisCluster, key: &str) -> String {
    cluster.server(cluster.primary_of_key(key)).text(&["GET", key])
}

/// The error code that a command is answered with.
fn error(cluster: &RedisCluster, node: usize, words: &[&str]) -> String {
    let error = cluster.server(node).try_command(words).expect_err("an error");
    error.code().unwrap_or_default().to_owned()
}

#[test]
fn a_new_cluster_serves_every_slot_and_each_primary_has_its_replica() {
    let cluster = RedisCluster::start(3, 1);
    assert_eq!(cluster.primaries().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
    assert!((0..SLOTS).step_by(97).chain([SLOTS - 1]).all(|slot| cluster.primary_of(slot).is_some()));
    for primary in 0..3 {
        assert_eq!(cluster.replicas_of(primary), [primary + 3]);
    }
    assert_eq!(cluster.ports().len(), cluster.size());
    for number in 0..50 {
        set(&cluster, &format!("key:{number}"), "here");
        assert_eq!(get(&cluster, &format!("key:{number}")), "here");
    }
    let foreign = (0..3).find(|&node| node != cluster.primary_of_key("key")).expect("another node");
    assert_eq!(error(&cluster, foreign, &["GET", "key"]), "MOVED");
}

#[test]
fn a_killed_primary_is_replaced_and_comes_back_as_replica() {
    let mut cluster = RedisCluster::start(3, 1);
    let slot = cluster.slot_of("key");
    set(&cluster, "key", "kept");
    let primary = cluster.primary_of_key("key");
    let replica = cluster.replicas_of(primary)[0];
    wait_for("the replica has it", || cluster.server(replica).text(&["DBSIZE"]) != "0");
    cluster.kill(primary);
    assert_eq!(cluster.primaries().len(), 2, "the other shards go on");
    wait_for("the replica takes over", || cluster.primary_of(slot) == Some(replica));
    cluster.wait_until_healthy();
    assert_eq!(get(&cluster, "key"), "kept");
    cluster.start_again(primary);
    wait_for("the old primary follows the new one", || cluster.replicas_of(replica) == [primary]);
    cluster.wait_until_healthy();
}

#[test]
fn a_lost_shard_without_replicas_affects_no_other_and_comes_back_with_its_keys() {
    let mut cluster = RedisCluster::start(3, 0);
    set(&cluster, "key", "kept");
    let (slot, primary) = (cluster.slot_of("key"), cluster.primary_of_key("key"));
    cluster.kill(primary);
    assert_eq!(cluster.primary_of(slot), None);
    wait_for("the others notice", || {
        cluster.up().all(|node| cluster.server(node).text(&["CLUSTER", "INFO"]).contains("cluster_slots_fail:5"))
    });
    for node in cluster.primaries() {
        let key = (0..1000)
            .map(|number| format!("{number}"))
            .find(|key| cluster.primary_of(cluster.slot_of(key)) == Some(node));
        set(&cluster, &key.expect("some key of the node"), "served");
    }
    cluster.start_again(primary);
    cluster.wait_until_healthy();
    assert_eq!(get(&cluster, "key"), "kept");
}

#[test]
fn a_frozen_primary_is_replaced_and_demoted_when_it_thaws() {
    let mut cluster = RedisCluster::start(3, 1);
    let (slot, primary) = (cluster.slot_of("key"), cluster.primary_of_key("key"));
    let replica = cluster.replicas_of(primary)[0];
    cluster.freeze(primary);
    wait_for("the replica takes over", || cluster.primary_of(slot) == Some(replica));
    cluster.thaw(primary);
    wait_for("the old primary follows the new one", || cluster.replicas_of(replica) == [primary]);
    cluster.wait_until_healthy();
}

#[test]
fn a_replica_takes_over_on_demand() {
    for how in [FailoverMode::Coordinated, FailoverMode::Takeover] {
        let cluster = RedisCluster::start(3, 1);
        set(&cluster, "key", "kept");
        let primary = cluster.primary_of_key("key");
        let replica = cluster.replicas_of(primary)[0];
        wait_for("the replica has it", || cluster.server(replica).command(&["DBSIZE"]) == redis::Value::Int(1));
        cluster.failover(replica, how);
        cluster.wait_until_healthy();
        assert_eq!(cluster.primary_of_key("key"), replica);
        assert_eq!(cluster.replicas_of(replica), [primary], "{how:?}");
        assert_eq!(get(&cluster, "key"), "kept");
        assert_eq!(error(&cluster, primary, &["SET", "key", "value"]), "MOVED");
    }
}

#[test]
fn a_slot_stays_in_migration_until_the_migration_is_finished() {
    let cluster = ClusterPlan::of(3, 0).password("open sesame").start();
    let keys: Vec<String> = (0..10).map(|number| format!("{{tag}}:{number}")).collect();
    for key in &keys {
        set(&cluster, key, "kept");
    }
    let (slot, from) = (cluster.slot_of("{tag}"), cluster.primary_of_key("{tag}"));
    let to = (from + 1) % 3;
    let moving = SlotMigration::begin(&cluster, slot, to);
    moving.move_key(&keys[3]);
    assert!(moving.move_one());
    assert_eq!(moving.remaining_keys().len(), 8);
    assert_eq!(cluster.primary_of(slot), Some(from));
    assert_eq!(error(&cluster, from, &["GET", &keys[3]]), "ASK");
    assert_eq!(error(&cluster, to, &["GET", &keys[3]]), "MOVED");
    let staying = moving.remaining_keys().remove(0);
    assert_eq!(error(&cluster, from, &["MGET", &keys[3], &staying]), "TRYAGAIN");
    moving.finish();
    cluster.wait_until_healthy();
    assert_eq!(cluster.primary_of(slot), Some(to));
    for key in &keys {
        assert_eq!(get(&cluster, key), "kept", "{key}");
    }
}

#[test]
fn a_cluster_speaks_tls_between_its_nodes_and_to_clients() {
    let authority = TestAuthority::new();
    let cluster = ClusterPlan::of(3, 1).tls(&authority).start();
    set(&cluster, "key", "value");
    assert_eq!(get(&cluster, "key"), "value");
    assert!(cluster.url().starts_with("rediss+cluster://127.0.0.1:"));
    let plain = redis::Client::open(("127.0.0.1", cluster.ports()[0])).expect("an address");
    assert!(plain.get_connection().is_err(), "no plain connection is served");
}
