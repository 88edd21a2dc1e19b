//! What an acknowledged change survives when the primary changes: with Sentinels, and with `redis.acknowledge`.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_core::{Actor, User};
use userd_store::{CreateUserOutcome, Store};
use userd_store_redis::{AckRequirement, NodeAddress, RedisSettings, RedisStore};

use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_sentinel::SentinelGroup;
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::redis_settings;
use userd_test_support::retry::retry_until_served;

/// How long one call of these stores may take: far less than a failover.
const TIMEOUT: Duration = Duration::from_millis(1500);

fn sentinel_settings(group: &SentinelGroup, acknowledge: AckRequirement) -> RedisSettings {
    let sentinels = group.ports().into_iter().map(|port| NodeAddress::new("127.0.0.1", port)).collect();
    RedisSettings { acknowledge, timeout: TIMEOUT, ..redis_settings::sentinel(sentinels, "accounts") }
}

async fn start(settings: RedisSettings) -> RedisStore {
    RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a store")
}

/// Signs up without pause until `enough`, and gives those who were acknowledged.
async fn sign_up_while(store: &RedisStore, mark: &str, mut enough: impl FnMut() -> bool) -> Vec<User> {
    let clock = ManualClock::at(NOW);
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if enough() {
            break;
        }
        let user = new_user(&clock, &format!("{mark}-{number}@example.org"));
        if let Ok(CreateUserOutcome::Created) = store.create_user(&user, Actor::anonymous()).await {
            acknowledged.push(user);
        }
    }
    acknowledged
}

async fn assert_none_lost(store: &RedisStore, users: &[User]) {
    for user in users {
        assert_eq!(
            retry_until_served(|| store.user(user.id)).await.as_ref(),
            Some(user),
            "an acknowledged user is there"
        );
        let found = retry_until_served(|| store.user_by_email(user.email.canonical())).await;
        assert_eq!(found.map(|found| found.id), Some(user.id), "and found by e-mail");
    }
}

/// The old primary stays up and accepts writes: a client that stays with it loses the most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_under_sentinels_undoes_nothing_that_replicas_confirmed() {
    let group = SentinelGroup::start();
    let store = start(sentinel_settings(&group, AckRequirement::Replicas)).await;
    let before = sign_up_while(&store, "before", after_count(20)).await;
    assert_eq!(before.len(), 20);
    let old = group.primary();
    let done = std::sync::atomic::AtomicBool::new(false);
    let during = std::thread::scope(|scope| {
        scope.spawn(|| {
            group.failover();
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let runtime = tokio::runtime::Handle::current();
        let mut after = 0;
        tokio::task::block_in_place(|| {
            runtime.block_on(sign_up_while(&store, "during", || {
                after += usize::from(done.load(std::sync::atomic::Ordering::SeqCst));
                after > 20
            }))
        })
    });
    assert_ne!(group.primary(), old);
    assert_none_lost(&store, &before).await;
    assert_none_lost(&store, &during).await;
    let after = sign_up_while(&store, "after", after_count(5)).await;
    assert_none_lost(&store, &after).await;
}

/// A userd that starts while a replica is being promoted has no earlier number of replicas to rely on. What the others
/// confirm then is lost when they follow the new primary; Sentinels know all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_userd_that_starts_in_the_middle_of_a_failover_waits_for_the_replica_that_is_being_promoted() {
    let group = SentinelGroup::start();
    for sentinel in 0..3 {
        // Sentinels change nothing for the length of the test.
        group.sentinel(sentinel).command(&["SENTINEL", "DEBUG", "publish-period", "100000"]);
    }
    let promoted = (0..3).find(|&server| server != group.primary()).expect("a replica");
    group.server(promoted).command(&["REPLICAOF", "NO", "ONE"]);
    wait_for("the old primary has one replica less", || {
        group.server(group.primary()).text(&["INFO", "replication"]).contains("connected_slaves:1")
    });
    let store = start(sentinel_settings(&group, AckRequirement::Replicas)).await;
    let outcome = store.create_user(&new_user(&ManualClock::at(NOW), "early@example.org"), Actor::anonymous()).await;
    assert!(outcome.is_err(), "the replica that will be primary has not confirmed it: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_is_replaced_and_nothing_that_replicas_confirmed_is_lost() {
    let mut group = SentinelGroup::start();
    let store = start(sentinel_settings(&group, AckRequirement::Replicas)).await;
    let mut users = sign_up_while(&store, "before", after_count(20)).await;
    assert_eq!(users.len(), 20);
    group.kill(group.primary());
    assert_none_lost(&store, &users).await;
    let late = new_user(&ManualClock::at(NOW), "late@example.org");
    retry_until_served(|| store.create_user(&late, Actor::anonymous())).await;
    users.push(late);
    assert_none_lost(&store, &users).await;
    assert_eq!(audit(group.server(group.primary()), "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_no_replica_confirms_is_not_acknowledged_until_replicas_are_back() {
    let primary = RedisServer::start();
    let replica = primary.start_replica();
    let settings = RedisSettings { acknowledge: AckRequirement::Replicas, timeout: TIMEOUT, ..primary.settings() };
    let store = start(settings.clone()).await;
    let clock = ManualClock::at(NOW);
    assert_eq!(
        store.create_user(&new_user(&clock, "first@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::Created
    );
    replica.freeze();
    let refused = store.create_user(&new_user(&clock, "second@example.org"), Actor::anonymous()).await;
    assert!(refused.is_err(), "no replica has confirmed it: {refused:?}");
    let found = store.user_by_email(new_user(&clock, "first@example.org").email.canonical()).await;
    assert!(found.expect("look-ups go on").is_some());
    replica.thaw();
    let third = new_user(&clock, "third@example.org");
    retry_until_served(|| store.create_user(&third, Actor::anonymous())).await;

    drop(replica);
    let alone = start(settings).await;
    let why = alone.check_health().await.expect_err("without replicas it can't acknowledge");
    assert!(format!("{why:?}").contains("redis.replicas_min"), "{why:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_promised_only_by_a_server_that_flushes_before_it_answers() {
    let disk = |server: &RedisServer| RedisSettings {
        acknowledge: AckRequirement::Disk,
        replicas_min: 0,
        timeout: TIMEOUT,
        ..server.settings()
    };
    let always = RedisServer::start_with(&["--appendfsync", "always"]);
    let store = start(disk(&always)).await;
    let clock = ManualClock::at(NOW);
    assert_eq!(
        store.create_user(&new_user(&clock, "first@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::Created
    );

    for (arguments, right) in [
        (&["--appendfsync", "everysec"][..], "appendfsync always"),
        (&["--appendonly", "no", "--save", "60 1"], "appendonly yes"),
    ] {
        let server = RedisServer::start_with(arguments);
        let refused = RedisStore::start(disk(&server), Arc::new(SystemRandom)).await.err().expect("refused");
        assert!(refused.to_string().contains(right), "{refused}");
    }
}

/// `everysec` is accepted on a server that reports flushes correctly; userd tests that at its start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_flushes_once_a_second_has_to_prove_that_it_waits_for_its_disk() {
    let server = RedisServer::start();
    let settings = RedisSettings {
        acknowledge: AckRequirement::Disk,
        replicas_min: 0,
        timeout: Duration::from_secs(6),
        ..server.settings()
    };
    let reports_flushes = server.try_command(&["WAITAOF", "0", "0", "1"]).is_ok();
    match RedisStore::start(settings, Arc::new(SystemRandom)).await {
        Ok(store) => {
            assert!(reports_flushes, "it cannot report when its file is flushed");
            let user = new_user(&ManualClock::at(NOW), "first@example.org");
            assert_eq!(store.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
            assert!(server.text(&["INFO", "persistence"]).contains("aof_pending_bio_fsync:0"));
        }
        Err(why) if reports_flushes => assert!(why.to_string().contains("before its file is flushed"), "{why}"),
        Err(why) => assert!(why.to_string().contains("or a server with WAITAOF"), "{why}"),
    }
}

fn after_count(most: usize) -> impl FnMut() -> bool {
    let mut count = 0;
    move || {
        count += 1;
        count > most
    }
}

/// A replica that comes later can be made primary like any other, so it has to confirm at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_comes_later_has_to_confirm_from_its_first_moment() {
    let primary = RedisServer::start();
    let _first = primary.start_replica();
    let settings = RedisSettings { acknowledge: AckRequirement::Replicas, timeout: TIMEOUT, ..primary.settings() };
    let store = start(settings).await;
    let later = primary.start_replica();
    // The primary counts a replica only once the replica has reported that it is in sync.
    wait_for("the primary knows it", || primary.text(&["INFO", "replication"]).matches("state=online").count() == 2);
    later.freeze();
    let change = store.create_user(&new_user(&ManualClock::at(NOW), "first@example.org"), Actor::anonymous()).await;
    assert!(change.is_err(), "a replica that a failover may choose does not have it: {change:?}");
}
