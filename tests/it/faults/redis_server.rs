//! A Redis that is unreachable, dies, freezes, is demoted, runs out of memory, forgets scripts, has damaged records, or
//! refuses commands. (Rows 7, 12 and 13 of the fault table, below the HTTP layer; `program_redis` tests them with the
//! real program.)

use std::sync::Arc;
use std::time::Duration;
use userd_core::{Actor, SecretString};

use userd_core::clock::{Clock, ManualClock};
use userd_core::random::SystemRandom;
use userd_store::{CreateUserOutcome, DeleteUserOutcome, Store, StoreError, UpdateUserOutcome};
use userd_store_redis::{RedisDurability, RedisSettings, RedisStore, ServerCredentials};

use userd_test_support::fixtures::{NOW, new_profile, new_user, parse_email};
use userd_test_support::redis_acl::{ACL_USER, AclTarget, create_acl_user, least_privilege_acl};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::{RedisServer, free_port};
use userd_test_support::redis_settings;

/// A call that takes longer hangs; many times the store's own limit, for slow machines.
const HANGS_AFTER: Duration = Duration::from_secs(30);

async fn store(settings: RedisSettings) -> RedisStore {
    RedisStore::start(settings, Arc::new(SystemRandom)).await.unwrap_or_else(|refusal| panic!("refused: {refusal}"))
}

async fn refusal(settings: RedisSettings) -> String {
    match RedisStore::start(settings, Arc::new(SystemRandom)).await {
        Ok(_) => panic!("the server is taken as it is"),
        Err(refusal) => refusal.to_string(),
    }
}

/// Calls until the answer is no longer "unavailable".
async fn wait_until_served(store: &RedisStore) {
    let served = async {
        while store.check_health().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS_AFTER, served).await.expect("the store recovers by itself");
}

fn assert_unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>, what: &str) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{what}: {answer:?}");
}

#[tokio::test]
async fn a_redis_that_is_away_at_start_is_waited_for_without_a_restart() {
    let port = free_port();
    let store =
        store(RedisSettings { timeout: Duration::from_millis(100), ..redis_settings::at("127.0.0.1", port) }).await;
    assert_unavailable(&store.check_health().await, "no server is there");
    assert_unavailable(&store.users_count().await, "no server is there");
    let _server = RedisServer::start_on(port);
    wait_until_served(&store).await;
    assert_eq!(store.users_count().await.expect("served"), 0);
}

#[tokio::test]
async fn a_redis_that_dies_and_comes_back_has_all_and_is_served_from_again() {
    let (mut server, clock) = (RedisServer::start_with(&["--appendfsync", "always"]), ManualClock::at(NOW));
    let store = store(server.settings()).await;
    let users: Vec<_> = (0..20).map(|n| new_user(&clock, &format!("user-{n}@example.org"))).collect();
    for user in &users {
        assert_eq!(store.create_user(user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    }
    server.kill();
    assert_unavailable(&store.user(users[0].id).await, "it is dead");
    server.start_again();
    wait_until_served(&store).await;
    for user in &users {
        assert_eq!(store.user_by_email(user.email.canonical()).await.expect("served").as_ref(), Some(user));
    }
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_a_bounded_wait_for_every_call_at_once() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = Arc::new(store(RedisSettings { timeout: Duration::from_millis(200), ..server.settings() }).await);
    server.freeze();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..300 {
        let (store, user) = (Arc::clone(&store), new_user(&clock, &format!("user-{n}@example.org")));
        calls.spawn(async move { store.create_user(&user, Actor::anonymous()).await });
    }
    let answers = tokio::time::timeout(HANGS_AFTER, calls.join_all()).await.expect("no call hangs");
    for answer in answers {
        assert_unavailable(&answer, "it is frozen");
    }
    server.thaw();
    wait_until_served(&store).await;
    let user = new_user(&clock, "after@example.org");
    assert_eq!(store.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test]
async fn more_requests_than_the_limit_are_refused_at_once() {
    let server = RedisServer::start();
    let store = store(RedisSettings { in_flight_max: 1, ..server.settings() }).await;
    server.freeze();
    let (first, second) = tokio::join!(store.users_count(), store.users_count());
    assert_unavailable(&first, "it is frozen");
    let Err(StoreError::Unavailable(reason)) = second else { panic!("{second:?}") };
    assert!(reason.to_string().contains("more than 1 requests"), "{reason}");
    server.thaw();
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = store(server.settings()).await;
    server.command(&["SCRIPT", "FLUSH"]);
    assert_eq!(
        store.create_user(&new_user(&clock, "a@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::Created
    );
}

#[tokio::test]
async fn a_demoted_server_is_left_and_taken_back_when_it_is_primary_again() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = store(RedisSettings { timeout: Duration::from_millis(300), ..server.settings() }).await;
    // It has the same data: a server that comes back without its data is refused.
    let primary = server.start_replica();
    primary.command(&["REPLICAOF", "NO", "ONE"]);
    server.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    assert_unavailable(
        &store.create_user(&new_user(&clock, "a@example.org"), Actor::anonymous()).await,
        "it takes no writes",
    );
    assert_unavailable(&store.check_health().await, "it is a replica");
    let as_replica = refusal(server.settings()).await;
    assert!(as_replica.contains(&format!(
        "is a replica and takes no writes; give the address of its primary (127.0.0.1:{})",
        primary.port()
    )));
    server.command(&["REPLICAOF", "NO", "ONE"]);
    wait_until_served(&store).await;
    assert_eq!(
        store.create_user(&new_user(&clock, "a@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::Created
    );
}

#[tokio::test]
async fn without_memory_reads_and_deletions_go_on_and_nothing_is_half_done() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = store(server.settings()).await;
    let (kept, leaving) = (new_user(&clock, "kept@example.org"), new_user(&clock, "leaving@example.org"));
    for user in [&kept, &leaving] {
        assert_eq!(store.create_user(user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    }
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_unavailable(
        &store.create_user(&new_user(&clock, "new@example.org"), Actor::anonymous()).await,
        "there is no memory",
    );
    assert_unavailable(
        &store
            .update_profile(kept.id, kept.version, &new_profile("Ada", "b@example.org"), Actor::anonymous(), NOW)
            .await,
        "no memory",
    );
    assert_eq!(store.user_by_email(kept.email.canonical()).await.expect("served").as_ref(), Some(&kept));
    assert_eq!(
        store.delete_user(leaving.id, leaving.version, Actor::anonymous(), NOW).await.expect("served"),
        DeleteUserOutcome::Deleted
    );
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
    server.command(&["CONFIG", "SET", "maxmemory", "256mb"]);
    assert_eq!(
        store.create_user(&new_user(&clock, "new@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::Created
    );
}

#[tokio::test]
async fn memory_that_ends_between_two_steps_leaves_nothing_behind() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = store(server.settings()).await;
    let holder = new_user(&clock, "taken@example.org");
    assert_eq!(store.create_user(&holder, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    // As if memory had run out right after the first step of another sign-up: its intent is overdue.
    let key = "userd:{000}:user:00000000-0000-7000-8000-000000000000";
    server.command(&[
        "HSET",
        key,
        "st",
        "P",
        "ver",
        "1",
        "rev",
        "1",
        "eop",
        "1",
        "email",
        "free@example.org",
        "till",
        "1",
    ]);
    assert_eq!(
        store.create_user(&new_user(&clock, "free@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::Created
    );
}

#[tokio::test]
async fn servers_that_would_lose_accounts_silently_are_refused_with_a_reason() {
    for (arguments, words) in [
        (
            vec!["--maxmemory-policy", "allkeys-lru"],
            "maxmemory-policy is allkeys-lru: under memory pressure Redis would silently delete",
        ),
        (vec!["--maxmemory-policy", "volatile-lru"], "maxmemory-policy is volatile-lru"),
        (vec!["--appendonly", "no"], "Redis keeps nothing on disk"),
    ] {
        let server = RedisServer::start_with(&arguments);
        let sentence = refusal(server.settings()).await;
        assert!(sentence.contains(words), "{sentence}");
        let allowed = RedisSettings { allow_eviction: true, allow_volatile_store: true, ..server.settings() };
        store(allowed).await.check_health().await.expect("allowed by name");
    }
}

#[tokio::test]
async fn a_policy_that_is_switched_later_is_refused_at_the_next_start() {
    let server = RedisServer::start();
    store(server.settings()).await.check_health().await.expect("good");
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    assert!(refusal(server.settings()).await.contains("allkeys-random"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_a_newer_userd_writes_while_we_serve_takes_us_out_of_service() {
    let server = RedisServer::start();
    let store = store(RedisSettings { recheck_every: Duration::from_millis(20), ..server.settings() }).await;
    wait_until_served(&store).await;
    server.command(&["HSET", "userd:meta", "format", "2"]);
    let noticed = async {
        loop {
            match store.check_health().await {
                Err(StoreError::Unavailable(reason)) if reason.to_string().contains("written in format 2") => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(HANGS_AFTER, noticed).await.expect("it is noticed");
    // And stays unavailable, however often it reconnects.
    for _ in 0..5 {
        assert_unavailable(&store.users_count().await, "a newer userd uses it");
        tokio::task::yield_now().await;
    }
    server.command(&["HSET", "userd:meta", "format", "1"]);
    wait_until_served(&store).await;
}

/// Repeated late requests each start a probe, which finds the connection healthy; the regular check of the server
/// continues all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_switched_while_requests_are_late_is_noticed() {
    let server = RedisServer::start_with(&["--enable-debug-command", "yes"]);
    let (late, often) = (Duration::from_millis(100), Duration::from_secs(1));
    let store = store(RedisSettings { timeout: late, recheck_every: often, ..server.settings() }).await;
    wait_until_served(&store).await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    let url = server.url();
    let noticed = async {
        loop {
            // Longer than a request may take, shorter than the time limit of a probe.
            let asleep = tokio::task::spawn_blocking({
                let url = url.clone();
                move || {
                    let mut connection = redis::Client::open(url)?.get_connection()?;
                    redis::cmd("DEBUG").arg("SLEEP").arg("0.12").query::<()>(&mut connection)
                }
            });
            while !asleep.is_finished() {
                match store.check_health().await {
                    Err(StoreError::Unavailable(reason)) if reason.to_string().contains("allkeys-random") => return,
                    _ => tokio::task::yield_now().await,
                }
            }
            asleep.await.expect("no panic").expect("it sleeps");
        }
    };
    tokio::time::timeout(HANGS_AFTER, noticed).await.expect("the switch is noticed");
}

#[tokio::test]
async fn the_wrong_password_is_refused_and_the_right_one_is_not_shown() {
    let server = RedisServer::start_with(&["--requirepass", "open-sesame"]);
    let sentence = refusal(server.settings()).await;
    assert!(sentence.contains("Redis refused the user name or password"), "{sentence}");
    let wrong = RedisSettings { login: login(None, "abracadabra"), ..server.settings() };
    let sentence = refusal(wrong).await;
    assert!(
        sentence.contains("Redis refused the user name or password") && !sentence.contains("abracadabra"),
        "{sentence}"
    );
    let right = RedisSettings { login: login(None, "open-sesame"), ..server.settings() };
    assert!(!format!("{right:?}").contains("open-sesame"));
    store(right).await.check_health().await.expect("let in");
}

#[tokio::test]
async fn a_database_that_the_server_does_not_have_is_refused() {
    let server = RedisServer::start();
    let sentence = refusal(RedisSettings { db: 16, ..server.settings() }).await;
    assert!(sentence.contains("Redis has no database with that number"), "{sentence}");
    store(RedisSettings { db: 15, ..server.settings() }).await.check_health().await.expect("the last one is there");
}

/// Settings that reach the server as a user with these rights.
fn with_rights(server: &RedisServer, rights: &[&str]) -> RedisSettings {
    create_acl_user(server, rights);
    RedisSettings { login: login(Some(ACL_USER.0), ACL_USER.1), ..server.settings() }
}

#[tokio::test]
async fn the_least_rights_are_enough_for_everything() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    // Database 1 needs SELECT, and scripts that the server has forgotten need EVAL.
    let store = store(RedisSettings { db: 1, ..with_rights(&server, &least_privilege_acl(AclTarget::Server)) }).await;
    server.command(&["SCRIPT", "FLUSH"]);
    let user = new_user(&clock, "a@example.org");
    assert_eq!(store.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    assert_eq!(
        store.create_user(&new_user(&clock, "a@example.org"), Actor::anonymous()).await.expect("served"),
        CreateUserOutcome::EmailTaken
    );
    let UpdateUserOutcome::Updated(user) = store
        .update_profile(user.id, user.version, &new_profile("Ada", "b@example.org"), Actor::anonymous(), NOW)
        .await
        .expect("served")
    else {
        panic!("not updated")
    };
    let UpdateUserOutcome::Updated(user) = store
        .update_password(user.id, user.version, &user.password_hash, None, Actor::anonymous(), NOW)
        .await
        .expect("served")
    else {
        panic!("not updated")
    };
    assert_eq!(store.users_count().await.expect("served"), 1);
    assert_eq!(
        store.delete_user(user.id, user.version, Actor::anonymous(), clock.now()).await.expect("served"),
        DeleteUserOutcome::Deleted
    );
    store.check_health().await.expect("ready");
    server.command(&["SWAPDB", "0", "1"]);
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_right_is_named_before_anything_is_served() {
    let server = RedisServer::start();
    for (missing, named) in
        [("+zadd", "ZADD"), ("+hset", "HSET"), ("+del", "DEL"), ("+script|load", "SCRIPT LOAD"), ("~userd:*", "userd:")]
    {
        let rights: Vec<&str> =
            least_privilege_acl(AclTarget::Server).into_iter().filter(|&right| right != missing).collect();
        let sentence = refusal(with_rights(&server, &rights)).await;
        assert!(sentence.contains("lacks permissions") && sentence.contains(named), "{missing}: {sentence}");
    }
}

/// Whether all that userd ever sends is possible with `rights`.
async fn all_is_possible(server: &RedisServer, rights: &[&str]) -> bool {
    let settings = RedisSettings { db: 1, timeout: Duration::from_millis(300), ..with_rights(server, rights) };
    let Ok(store) = RedisStore::start(settings, Arc::new(SystemRandom)).await else { return false };
    server.command(&["SCRIPT", "FLUSH"]);
    let user = new_user(&ManualClock::at(NOW), "a@example.org");
    matches!(store.create_user(&user, Actor::anonymous()).await, Ok(CreateUserOutcome::Created))
        && matches!(
            store.delete_user(user.id, user.version, Actor::anonymous(), NOW).await,
            Ok(DeleteUserOutcome::Deleted)
        )
        && store.check_health().await.is_ok()
}

#[tokio::test]
async fn every_right_in_the_line_is_needed() {
    let server = RedisServer::start();
    assert!(all_is_possible(&server, &least_privilege_acl(AclTarget::Server)).await);
    // Without INFO userd serves, but knows less.
    for missing in
        least_privilege_acl(AclTarget::Server).into_iter().filter(|right| right.starts_with('+') && *right != "+info")
    {
        let rights: Vec<&str> =
            least_privilege_acl(AclTarget::Server).into_iter().filter(|&right| right != missing).collect();
        assert!(!all_is_possible(&server, &rights).await, "{missing} is not needed");
    }
}

#[tokio::test]
async fn where_info_is_forbidden_userd_serves_and_relies_on_the_configuration() {
    let server = RedisServer::start();
    let rights: Vec<&str> =
        least_privilege_acl(AclTarget::Server).into_iter().filter(|&right| right != "+info").collect();
    let settings = with_rights(&server, &rights);
    store(settings.clone()).await.check_health().await.expect("ready");
    let declared = RedisSettings { assume_durability: Some(RedisDurability::Nothing), ..settings };
    assert!(refusal(declared).await.contains("keeps nothing on disk"));
}

#[tokio::test]
async fn a_server_that_refuses_to_count_is_unavailable_and_a_damaged_list_is_named() {
    let server = RedisServer::start();
    let store = store(server.settings()).await;
    server.command(&["ACL", "SETUSER", "default", "-zcard"]);
    assert_unavailable(&store.users_count().await, "it may not count");
    server.command(&["ACL", "SETUSER", "default", "+@all"]);
    assert_eq!(store.users_count().await.expect("served"), 0);
    server.command(&["SET", "userd:{1f3}:users", "text"]);
    let answer = store.users_count().await;
    assert!(matches!(&answer, Err(StoreError::Corrupt { key, .. }) if key == "userd:{1f3}:users"), "{answer:?}");
}

#[tokio::test]
async fn a_key_space_of_another_format_is_left_alone() {
    let server = RedisServer::start();
    server.command(&["HSET", "userd:meta", "format", "99", "canonical", "1"]);
    let sentence = refusal(server.settings()).await;
    assert!(sentence.contains("were written in format 99 with e-mail canonicalisation 1"), "{sentence}");
    server.command(&["DEL", "userd:meta"]);
    server.command(&["SET", "userd:meta", "mine"]);
    assert!(refusal(server.settings()).await.contains("holds something that is not userd's"));
    let elsewhere = RedisSettings { prefix: "other:".to_owned(), ..server.settings() };
    store(elsewhere).await.check_health().await.expect("another prefix is free");
    assert_eq!(server.text(&["GET", "userd:meta"]), "mine");
}

#[tokio::test]
async fn a_damaged_record_is_named_by_its_key_and_affects_no_other_user() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = store(server.settings()).await;
    let (good, bad) = (new_user(&clock, "good@example.org"), new_user(&clock, "bad@example.org"));
    for user in [&good, &bad] {
        assert_eq!(store.create_user(user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    }
    let key = server.texts(&["KEYS", &format!("*:user:{}", bad.id)]).remove(0);
    for damage in [
        vec!["HDEL", &key, "name"],
        vec!["HSET", &key, "name", "\u{7}"],
        vec!["HSET", &key, "name", "Ada", "rev", "many"],
        vec!["HSET", &key, "rev", "1", "st", "Q"],
        vec!["SET", &key, "text"],
    ] {
        server.command(&damage);
        let answer = store.user(bad.id).await;
        assert!(
            matches!(&answer, Err(StoreError::Corrupt { key: named, .. }) if *named == key),
            "{damage:?}: {answer:?}"
        );
    }
    let claim = server.texts(&["KEYS", "*:claim:bad@example.org"]).remove(0);
    server.command(&["SET", &claim, "damaged"]);
    let answer = store.user_by_email(parse_email("bad@example.org").canonical()).await;
    assert!(matches!(&answer, Err(StoreError::Corrupt { key, .. }) if key == "claim:b…@example.org"), "{answer:?}");
    assert_eq!(store.user_by_email(good.email.canonical()).await.expect("served").as_ref(), Some(&good));
}

fn login(username: Option<&str>, password: &str) -> ServerCredentials {
    ServerCredentials { username: username.map(str::to_owned), password: Some(SecretString::new(password.to_owned())) }
}
