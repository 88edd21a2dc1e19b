//! Groups with Sentinels, and replicas without.

use userd_test_support::redis_sentinel::{GroupPasswords, SentinelGroup};
use userd_test_support::redis_server::{RedisServer, wait_for};

#[test]
fn a_new_group_has_a_primary_that_replicates_and_fails_over_on_demand() {
    let group = SentinelGroup::start();
    assert_eq!(group.primary(), 0);
    assert_eq!(group.server(0).text(&["SET", "key", "kept"]), "OK");
    for replica in 1..3 {
        wait_for("it is replicated", || group.server(replica).command(&["EXISTS", "key"]) == redis::Value::Int(1));
    }
    let now = group.failover();
    assert_ne!(now, 0);
    assert_eq!(group.server(now).text(&["GET", "key"]), "kept");
    let demoted = group.server(0).try_command(&["SET", "key", "value"]).expect_err("it is a replica");
    assert_eq!(demoted.code(), Some("READONLY"));
    assert!(group.url().ends_with("/accounts/0"), "{}", group.url());
}

#[test]
fn with_passwords_a_killed_primary_is_replaced_and_comes_back_as_replica() {
    let mut group = SentinelGroup::start_with(GroupPasswords { server: "open sesame", sentinel: "abracadabra" });
    let open = redis::Client::open(("127.0.0.1", group.ports()[0])).expect("an address").get_connection();
    let refused = open.and_then(|mut open| redis::cmd("SENTINEL").arg("MASTERS").query::<redis::Value>(&mut open));
    assert!(refused.is_err(), "a Sentinel wants its password");
    group.kill(0);
    wait_for("another is primary", || group.primary() != 0);
    group.wait_until_healthy();
    let now = group.primary();
    group.start_again(0);
    group.wait_until_healthy();
    assert_eq!(group.primary(), now);
    assert!(group.server(0).is_replica_in_sync());
}

#[test]
fn two_sentinels_are_enough_to_replace_a_frozen_primary() {
    let mut group = SentinelGroup::start();
    group.kill_sentinel(0);
    group.freeze(0);
    wait_for("another is primary", || group.primary() != 0);
    group.thaw(0);
    group.wait_until_healthy();
    group.start_sentinel_again(0);
    group.wait_until_healthy();
    let (now, asleep) = (group.primary(), 1);
    group.freeze_sentinel(asleep);
    group.wait_until_healthy();
    group.thaw_sentinel(asleep);
    group.wait_until_healthy();
    assert_eq!(group.primary(), now);
}

#[test]
fn a_replica_without_sentinels_follows_its_primary() {
    for more in [&[][..], &["--requirepass", "open sesame"]] {
        let primary = RedisServer::start_with(more);
        let replicas = [primary.start_replica(), primary.start_replica()];
        primary.command(&["SET", "key", "value"]);
        for replica in &replicas {
            wait_for("it is replicated", || replica.command(&["EXISTS", "key"]) == redis::Value::Int(1));
        }
    }
}
