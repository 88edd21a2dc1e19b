//! A store on a cluster: every shard is found wherever its slot goes, by redirection, failover or resharding, and a
//! shard that is gone holds up its own users alone.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::{Clock, ManualClock};
use userd_core::random::SystemRandom;
use userd_core::{Client, User, UserId};
use userd_store::{Insert, Remove, Store, Update};
use userd_store_redis::keys::{Keys, Shard};
use userd_store_redis::{Acknowledge, Address, RedisSettings, RedisStore};

use userd_test_support::people::{NOW, address, person, profile};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::{Failover, RedisCluster};
use userd_test_support::redis_slot_move::SlotMove;
use userd_test_support::waiting::until_served;

/// A store that waits as long as a failover takes.
async fn store_on(cluster: &RedisCluster) -> RedisStore {
    let settings = RedisSettings { timeout: Duration::from_secs(20), ..settings(cluster) };
    RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a cluster in order")
}

fn settings(cluster: &RedisCluster) -> RedisSettings {
    RedisSettings::cluster(cluster.ports().into_iter().map(|port| Address::new("127.0.0.1", port)).collect())
}

async fn sign_up(store: &RedisStore, clock: &ManualClock, mark: &str, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for number in 0..count {
        let user = person(clock, &format!("{mark}-{number}@example.org"));
        assert_eq!(store.insert_user(&user, Client::nobody()).await.expect("served"), Insert::Inserted);
        users.push(user);
    }
    users
}

/// Everybody is found by id and by e-mail, and nobody else is there.
async fn assert_all_there(store: &RedisStore, users: &[User]) {
    for user in users {
        assert_eq!(store.user(user.id).await.expect("served").as_ref(), Some(user));
        let found = store.user_by_email(user.email.canonical()).await.expect("served");
        assert_eq!(found.map(|found| found.id), Some(user.id));
    }
    assert_eq!(store.users_count().await.expect("served"), users.len() as u64);
}

fn user_key(id: UserId) -> String {
    Keys::below("userd:".to_owned()).user(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_a_cluster_are_found_changed_and_removed_over_all_nodes() {
    let (cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let store = store_on(&cluster).await;
    let mut users = sign_up(&store, &clock, "person", 40).await;
    let removed = users.pop().expect("somebody");
    assert_eq!(
        store.remove_user(removed.id, removed.version, Client::nobody(), clock.now()).await.expect("served"),
        Remove::Removed
    );
    for user in &mut users {
        let moved = profile("Ada", &format!("moved-{}@example.org", user.id));
        match store.replace_profile(user.id, user.version, &moved, Client::nobody(), clock.now()).await.expect("served")
        {
            Update::Updated(changed) => *user = *changed,
            other => panic!("{other:?}"),
        }
    }
    assert_all_there(&store, &users).await;
    assert_eq!(audit(&cluster, "userd:").all(), Vec::<String>::new());
    store.check().await.expect("ready");
}

/// Its keys stand half here, half there, for as long as the test wants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_slot_is_on_the_move_everybody_is_found_and_can_sign_up() {
    let (cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let store = store_on(&cluster).await;
    let mut users = sign_up(&store, &clock, "before", 40).await;
    let slot = cluster.slot_of(&user_key(users[0].id));
    let to = cluster.primaries().into_iter().find(|&node| Some(node) != cluster.primary_of(slot)).expect("another");
    let moving = SlotMove::begin(&cluster, slot, to);
    moving.move_key(&user_key(users[0].id));
    assert_all_there(&store, &users).await;

    let impatient = RedisStore::start(settings(&cluster), Arc::new(SystemRandom)).await.expect("in order");
    let removal = impatient.remove_user(users[0].id, users[0].version, Client::nobody(), clock.now()).await;
    assert!(removal.is_err(), "a record and its listing on two nodes can't change in one step: {removal:?}");
    let mut met = false;
    for number in 0..400 {
        let mut user = person(&clock, &format!("during-{number}@example.org"));
        if number == 0 {
            // The very shard that is on the move.
            let (own, moving) = (user.id.to_string(), users[0].id.to_string());
            user.id = UserId::parse(&format!("{}{}", &own[..32], &moving[32..])).expect("an id");
        }
        match store.insert_user(&user, Client::nobody()).await.expect("served") {
            Insert::Inserted => users.push(user),
            Insert::Moving => met = true,
            Insert::Taken => panic!("nobody else has it"),
        }
        if number > 20 && met {
            break;
        }
    }
    assert!(met, "the shard that is on the move was met");
    moving.finish();
    assert_all_there(&store, &users).await;
    assert_eq!(
        store.remove_user(users[0].id, users[0].version, Client::nobody(), clock.now()).await.expect("served"),
        Remove::Removed
    );
    assert_eq!(audit(&cluster, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_is_followed_and_loses_nobody_whichever_way_it_comes() {
    let (mut cluster, clock) = (RedisCluster::start(3, 1), ManualClock::at(NOW));
    let store = store_on(&cluster).await;
    let mut users = sign_up(&store, &clock, "first", 20).await;

    let primary = cluster.primary_of_key(&user_key(users[0].id));
    cluster.failover(cluster.replicas_of(primary)[0], Failover::Coordinated);
    users.extend(sign_up(&store, &clock, "after-coordinated", 20).await);
    assert_all_there(&store, &users).await;

    let killed = cluster.primary_of_key(&user_key(users[0].id));
    cluster.kill(killed);
    let other = users
        .iter()
        .find(|user| cluster.primary_of(cluster.slot_of(&user_key(user.id))).is_some())
        .expect("another shard");
    assert_eq!(store.user(other.id).await.expect("others are served").as_ref(), Some(other));
    until_served(|| store.user(users[0].id)).await;
    users.extend(sign_up(&store, &clock, "after-kill", 20).await);
    assert_all_there(&store, &users).await;

    cluster.start_again(killed);
    cluster.wait_until_whole();
    users.extend(sign_up(&store, &clock, "after-return", 20).await);
    assert_all_there(&store, &users).await;
    assert_eq!(audit(&cluster, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_gone_holds_up_its_own_users_alone_and_comes_back() {
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
        assert!(store.user(user.id).await.is_err(), "nobody knows");
    }
    store.check().await.expect("userd is ready for the others");
    cluster.start_again(gone);
    cluster.wait_until_whole();
    until_served(|| store.user(users[0].id)).await;
    assert_all_there(&patient, &users).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_answers_is_enough_to_find_the_cluster() {
    let (cluster, clock) = (RedisCluster::start(3, 0), ManualClock::at(NOW));
    let nobody = Address::new("127.0.0.1", userd_test_support::redis_server::free_port());
    let one = Address::new("127.0.0.1", cluster.ports()[2]);
    let store =
        RedisStore::start(RedisSettings::cluster(vec![nobody, one]), Arc::new(SystemRandom)).await.expect("found");
    let users = sign_up(&store, &clock, "person", 10).await;
    assert_all_there(&store, &users).await;
    assert_eq!(store.user_by_email(address("nobody@example.org").canonical()).await.expect("served"), None);
}

/// The barrier's key lies in a slot, too, and that slot can be the one that moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_slot_of_a_barrier_is_on_the_move_changes_are_confirmed() {
    let (cluster, clock) = (RedisCluster::start(3, 1), ManualClock::at(NOW));
    let settings = RedisSettings { acknowledge: Acknowledge::Replicas, ..settings(&cluster) };
    let store = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a cluster in order");
    let keys = Keys::below("userd:".to_owned());
    sign_up(&store, &clock, "before", 10).await;
    let home = cluster.slot_of(&keys.ack(Shard::FIRST));
    let to = cluster.primaries().into_iter().find(|&node| Some(node) != cluster.primary_of(home)).expect("another");
    let moving = SlotMove::begin(&cluster, home, to);
    while moving.move_one() {}
    let users = sign_up(&store, &clock, "during", 10).await;
    moving.finish();
    for user in users {
        assert_eq!(store.user(user.id).await.expect("served").as_ref(), Some(&user));
    }
}
