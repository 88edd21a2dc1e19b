//! A store on a cluster: every shard is found wherever its slot goes, by redirection, failover or resharding, and an
//! unavailable shard affects only its own users.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::{Clock, ManualClock};
use userd_core::random::SystemRandom;
use userd_core::{Actor, User, UserId};
use userd_store::{CreateUserOutcome, DeleteUserOutcome, Store, UpdateUserOutcome};
use userd_store_redis::layout::{KeyLayout, Shard};
use userd_store_redis::{AckRequirement, NodeAddress, RedisSettings, RedisStore};

use userd_test_support::fixtures::{NOW, new_profile, new_user, parse_email};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::{FailoverMode, RedisCluster};
use userd_test_support::redis_settings;
use userd_test_support::retry::retry_until_served;
use userd_test_support::slot_migration::SlotMigration;

/// A store whose time-outs are longer than a failover.
async fn store_on(cluster: &RedisCluster) -> RedisStore {
    let settings = RedisSettings { timeout: Duration::from_secs(20), ..settings(cluster) };
    RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a cluster in order")
}

fn settings(cluster: &RedisCluster) -> RedisSettings {
    redis_settings::cluster(cluster.ports().into_iter().map(|port| NodeAddress::new("127.0.0.1", port)).collect())
}

async fn sign_up(store: &RedisStore, clock: &ManualClock, mark: &str, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for number in 0..count {
        let user = new_user(clock, &format!("{mark}-{number}@example.org"));
        assert_eq!(store.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
        users.push(user);
    }
    users
}

/// All users are found by id and by e-mail, and there are no others.
async fn assert_all_present(store: &RedisStore, users: &[User]) {
    for user in users {
        assert_eq!(store.user(user.id).await.expect("served").as_ref(), Some(user));
        let found = store.user_by_email(user.email.canonical()).await.expect("served");
        assert_eq!(found.map(|found| found.id), Some(user.id));
    }
    assert_eq!(store.users_count().await.expect("served"), users.len() as u64);
}

fn user_key(id: UserId) -> String {
    KeyLayout::with_prefix("userd:".to_owned()).user(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_a_cluster_are_found_changed_and_removed_over_all_nodes() {
    let (cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let store = store_on(&cluster).await;
    let mut users = sign_up(&store, &clock, "person", 40).await;
    let removed = users.pop().expect("a user");
    assert_eq!(
        store.delete_user(removed.id, removed.version, Actor::anonymous(), clock.now()).await.expect("served"),
        DeleteUserOutcome::Deleted
    );
    for user in &mut users {
        let moved = new_profile("Ada", &format!("moved-{}@example.org", user.id));
        match store
            .update_profile(user.id, user.version, &moved, Actor::anonymous(), clock.now())
            .await
            .expect("served")
        {
            UpdateUserOutcome::Updated(changed) => *user = *changed,
            other => panic!("{other:?}"),
        }
    }
    assert_all_present(&store, &users).await;
    assert_eq!(audit(&cluster, "userd:").all(), Vec::<String>::new());
    store.check_health().await.expect("ready");
}

/// Half of the slot's keys are on each node for the length of the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_slot_migration_users_are_found_and_can_sign_up() {
    let (cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let store = store_on(&cluster).await;
    let mut users = sign_up(&store, &clock, "before", 40).await;
    let slot = cluster.slot_of(&user_key(users[0].id));
    let to = cluster.primaries().into_iter().find(|&node| Some(node) != cluster.primary_of(slot)).expect("another");
    let moving = SlotMigration::begin(&cluster, slot, to);
    moving.move_key(&user_key(users[0].id));
    assert_all_present(&store, &users).await;

    let impatient = RedisStore::start(settings(&cluster), Arc::new(SystemRandom)).await.expect("in order");
    let removal = impatient.delete_user(users[0].id, users[0].version, Actor::anonymous(), clock.now()).await;
    assert!(removal.is_err(), "a record and its listing on two nodes can't change in one step: {removal:?}");
    let mut met = false;
    for number in 0..400 {
        let mut user = new_user(&clock, &format!("during-{number}@example.org"));
        if number == 0 {
            // The shard of the slot that is migrating.
            let (own, moving) = (user.id.to_string(), users[0].id.to_string());
            user.id = UserId::parse(&format!("{}{}", &own[..32], &moving[32..])).expect("an id");
        }
        match store.create_user(&user, Actor::anonymous()).await.expect("served") {
            CreateUserOutcome::Created => users.push(user),
            CreateUserOutcome::Resharding => met = true,
            CreateUserOutcome::EmailTaken => panic!("no other user has it"),
        }
        if number > 20 && met {
            break;
        }
    }
    assert!(met, "the migrating shard was used");
    moving.finish();
    assert_all_present(&store, &users).await;
    assert_eq!(
        store.delete_user(users[0].id, users[0].version, Actor::anonymous(), clock.now()).await.expect("served"),
        DeleteUserOutcome::Deleted
    );
    assert_eq!(audit(&cluster, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_and_a_killed_primary_are_followed_and_lose_no_user() {
    let (mut cluster, clock) = (RedisCluster::start(3, 1), ManualClock::at(NOW));
    let store = store_on(&cluster).await;
    let mut users = sign_up(&store, &clock, "first", 20).await;

    let primary = cluster.primary_of_key(&user_key(users[0].id));
    cluster.failover(cluster.replicas_of(primary)[0], FailoverMode::Coordinated);
    users.extend(sign_up(&store, &clock, "after-coordinated", 20).await);
    assert_all_present(&store, &users).await;

    let killed = cluster.primary_of_key(&user_key(users[0].id));
    cluster.kill(killed);
    let other = users
        .iter()
        .find(|user| cluster.primary_of(cluster.slot_of(&user_key(user.id))).is_some())
        .expect("another shard");
    assert_eq!(store.user(other.id).await.expect("others are served").as_ref(), Some(other));
    retry_until_served(|| store.user(users[0].id)).await;
    users.extend(sign_up(&store, &clock, "after-kill", 20).await);
    assert_all_present(&store, &users).await;

    cluster.start_again(killed);
    cluster.wait_until_healthy();
    users.extend(sign_up(&store, &clock, "after-return", 20).await);
    assert_all_present(&store, &users).await;
    assert_eq!(audit(&cluster, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unavailable_shard_affects_only_its_own_users_and_recovers() {
    let (mut cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let patient = store_on(&cluster).await;
    let users = sign_up(&patient, &clock, "person", 30).await;
    let store = RedisStore::start(settings(&cluster), Arc::new(SystemRandom)).await.expect("in order");
    let gone = cluster.primary_of_key(&user_key(users[0].id));
    let (lost, served): (Vec<_>, Vec<_>) =
        users.iter().partition(|user| cluster.primary_of_key(&user_key(user.id)) == gone);
    cluster.kill(gone);
    for user in served {
        assert_eq!(store.user(user.id).await.expect("served").as_ref(), Some(user));
    }
    for user in lost.iter().take(3) {
        assert!(store.user(user.id).await.is_err(), "its shard is unavailable");
    }
    store.check_health().await.expect("userd is ready for the others");
    cluster.start_again(gone);
    cluster.wait_until_healthy();
    retry_until_served(|| store.user(users[0].id)).await;
    assert_all_present(&patient, &users).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_answers_is_enough_to_find_the_cluster() {
    let (cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let unreachable = NodeAddress::new("127.0.0.1", userd_test_support::redis_server::free_port());
    let one = NodeAddress::new("127.0.0.1", cluster.ports()[2]);
    let store = RedisStore::start(redis_settings::cluster(vec![unreachable, one]), Arc::new(SystemRandom))
        .await
        .expect("found");
    let users = sign_up(&store, &clock, "person", 10).await;
    assert_all_present(&store, &users).await;
    assert_eq!(store.user_by_email(parse_email("unknown@example.org").canonical()).await.expect("served"), None);
}

/// The barrier's key is in a slot, too, and that slot can be the one that migrates.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_migration_of_a_barrier_slot_changes_are_acknowledged() {
    let (cluster, clock) = (RedisCluster::start(3, 1), ManualClock::at(NOW));
    let settings = RedisSettings { acknowledge: AckRequirement::Replicas, ..settings(&cluster) };
    let store = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a cluster in order");
    let keys = KeyLayout::with_prefix("userd:".to_owned());
    sign_up(&store, &clock, "before", 10).await;
    let home = cluster.slot_of(&keys.ack(Shard::FIRST));
    let to = cluster.primaries().into_iter().find(|&node| Some(node) != cluster.primary_of(home)).expect("another");
    let moving = SlotMigration::begin(&cluster, home, to);
    while moving.move_one() {}
    let users = sign_up(&store, &clock, "during", 10).await;
    moving.finish();
    for user in users {
        assert_eq!(store.user(user.id).await.expect("served").as_ref(), Some(&user));
    }
}
