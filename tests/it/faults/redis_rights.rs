//! The least rights in a cluster and under Sentinels: each right in the lines of the operations page is needed. That
//! all together are enough, the conformance suite shows, which runs with them.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_core::{Actor, SecretString, User};
use userd_store::{CreateUserOutcome, DeleteUserOutcome, Store};
use userd_store_redis::{AckRequirement, RedisSettings, RedisStore, ServerCredentials, ServerTopology};

use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::redis_acl::{ACL_USER, AclTarget, create_acl_user, least_privilege_acl};
use userd_test_support::redis_cluster::RedisCluster;
use userd_test_support::redis_sentinel::{SERVICE, SentinelGroup};
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::redis_settings;
use userd_test_support::redis_targets::addresses;
use userd_test_support::slot_migration::SlotMigration;

/// Long enough for every permitted call.
const TIMEOUT: Duration = Duration::from_millis(500);

fn login() -> ServerCredentials {
    ServerCredentials {
        username: Some(ACL_USER.0.to_owned()),
        password: Some(SecretString::new(ACL_USER.1.to_owned())),
    }
}

/// The line without one right.
fn without(place: AclTarget, missing: &str) -> Vec<&'static str> {
    least_privilege_acl(place).into_iter().filter(|&right| right != missing).collect()
}

async fn store(settings: RedisSettings) -> Option<RedisStore> {
    let settings = RedisSettings { login: login(), timeout: TIMEOUT, ..settings };
    RedisStore::start(settings, Arc::new(SystemRandom)).await.ok()
}

/// Whether all that userd ever sends is possible with `rights`.
async fn all_is_possible(cluster: &RedisCluster, rights: &[&str]) -> bool {
    cluster.up().for_each(|node| create_acl_user(cluster.server(node), rights));
    let Some(store) = store(redis_settings::cluster(addresses(&cluster.ports()))).await else { return false };
    // A script that a node has forgotten has to be sent as text.
    cluster.up().for_each(|node| drop(cluster.server(node).command(&["SCRIPT", "FLUSH"])));
    let user = new_user(&ManualClock::at(NOW), "a@example.org");
    let possible = matches!(store.create_user(&user, Actor::anonymous()).await, Ok(CreateUserOutcome::Created))
        && is_found_on_the_move(cluster, &store, &user).await
        && matches!(
            store.delete_user(user.id, user.version, Actor::anonymous(), NOW).await,
            Ok(DeleteUserOutcome::Deleted)
        )
        && store.check_health().await.is_ok();
    store.close().await;
    cluster.up().for_each(|node| drop(cluster.server(node).command(&["FLUSHALL"])));
    possible
}

/// Whether a user is found whose record is on another node already, during the migration of its slot.
async fn is_found_on_the_move(cluster: &RedisCluster, store: &RedisStore, user: &User) -> bool {
    let keys = cluster.up().flat_map(|node| cluster.server(node).texts(&["KEYS", "*"]));
    let key = keys.into_iter().find(|key| key.ends_with(&format!(":user:{}", user.id))).expect("the record");
    let slot = cluster.slot_of(&key);
    let to = (cluster.primary_of_key(&key) + 1) % cluster.size();
    let moving = SlotMigration::begin(cluster, slot, to);
    moving.move_key(&key);
    let found = store.user(user.id).await.is_ok_and(|found| found.as_ref() == Some(user));
    moving.finish();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_right_in_the_line_for_a_cluster_is_needed() {
    let cluster = RedisCluster::start(3, 0);
    assert!(all_is_possible(&cluster, &least_privilege_acl(AclTarget::ClusterNode)).await);
    // Without INFO userd serves, but knows less.
    let rights = least_privilege_acl(AclTarget::ClusterNode).into_iter().filter(|right| right.starts_with('+'));
    for missing in rights.filter(|right| *right != "+info") {
        assert!(!all_is_possible(&cluster, &without(AclTarget::ClusterNode, missing)).await, "{missing} is not needed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_right_in_the_line_for_sentinels_is_needed() {
    let group = SentinelGroup::start();
    let with_wait = [least_privilege_acl(AclTarget::Server), vec!["+wait"]].concat();
    (0..3).for_each(|server| create_acl_user(group.server(server), &with_wait));
    let mut settings = redis_settings::sentinel(addresses(&group.ports()), SERVICE);
    settings.acknowledge = AckRequirement::Replicas;
    if let ServerTopology::Sentinel(sentinels) = &mut settings.servers {
        sentinels.login = login();
    }
    let start = async |missing: &str| {
        for sentinel in 0..3 {
            create_acl_user(group.sentinel(sentinel), &without(AclTarget::Sentinel, missing));
            group.sentinel(sentinel).command(&["ACL", "LOG", "RESET"]);
        }
        store(settings.clone()).await
    };
    let sentinel = group.sentinel(0);
    let listens = |client: &str| client.contains(" sub=1 ") && client.contains(" user=userd ");
    let kept = start("").await.expect("all that is needed");
    wait_for("the Sentinel is listened to", || sentinel.text(&["CLIENT", "LIST"]).lines().any(listens));
    kept.close().await;
    drop(kept);
    assert!(start("+sentinel|get-master-addr-by-name").await.is_none());
    // Without the rest userd serves, but notices a failover later, or cannot warn of too few Sentinels.
    for (missing, refused) in [
        ("+subscribe", "subscribe"),
        ("&+switch-master", "+switch-master"),
        ("+sentinel|sentinels", "sentinel|sentinels"),
        ("+sentinel|replicas", "sentinel|replicas"),
    ] {
        let _kept = start(missing).await.expect("served");
        let log = || (0..3).map(|number| format!("{:?}", group.sentinel(number).command(&["ACL", "LOG"])));
        wait_for("the Sentinel refuses it", || log().any(|log| log.contains(&format!("('\"{refused}\"')"))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_replicas_takes_one_right_more_and_its_lack_is_named_at_the_start() {
    let primary = RedisServer::start();
    let _replica = primary.start_replica();
    let (acknowledge, timeout) = (AckRequirement::Replicas, Duration::from_secs(20));
    let settings = RedisSettings { acknowledge, timeout, login: login(), ..primary.settings() };
    create_acl_user(&primary, &least_privilege_acl(AclTarget::Server));
    let refused = RedisStore::start(settings.clone(), Arc::new(SystemRandom)).await.err().expect("refused");
    assert!(refused.to_string().contains("lacks permissions (WAIT)"), "{refused}");

    create_acl_user(&primary, &[least_privilege_acl(AclTarget::Server), vec!["+wait"]].concat());
    let store = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("all rights are there");
    let user = new_user(&ManualClock::at(NOW), "ada@example.org");
    assert_eq!(store.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
}
