//! Sessions and rate limits without memory, without replicas, or during slot migration.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_core::{
    AccountKey, Actor, BucketKey, EventKind, RateLimit, RateLimitBucket, RateLimitDecision, Session, User,
};
use userd_store::{KeyKind, KeyStore, NewSession, RateLimitStore, SessionStore, Store, StoreError};
use userd_store_redis::{AckRequirement, RedisSettings, RedisStore};

use super::{is_good, keys, kinds, open, opened, sign_up};
use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::RedisCluster;
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::redis_settings;
use userd_test_support::redis_targets::addresses;
use userd_test_support::session_fixtures::{LIMITS, new_session, refresh_state};
use userd_test_support::slot_migration::SlotMigration;
use userd_test_support::stores::password_hash;

fn ada() -> User {
    new_user(&ManualClock::at(NOW), "ada@example.org")
}

fn bucket(user: &User) -> RateLimitBucket {
    let key = BucketKey::Account(AccountKey::of(user.email.canonical()));
    RateLimitBucket { key, rate: RateLimit { interval_ms: 3_600_000, burst: 2 } }
}

/// Signs in, is looked up, refreshes, signs out, and fails: all that has to work on a full Redis.
async fn run_session_lifecycle(store: &RedisStore, user: &User, number: u16) {
    let first = refresh_state(user, &new_session(user, number), 1);
    let new = NewSession { refresh: Some(first), ..new_session(user, number) };
    let session = open(store, user, &new).await;
    assert!(is_good(store, user, session.id).await);
    store.touch_session(user.id, &session, session.created_at.plus_millis(60_000)).await.expect("served");
    let next = refresh_state(user, &new, 2);
    assert!(store.replace_refresh(user.id, &session, &next, session.created_at).await.expect("served"));
    assert!(
        store.revoke_session(user.id, session.id, EventKind::SignedOut, Actor::anonymous(), NOW).await.expect("served")
    );
    opened(store, user, number + 1).await;
    assert!(store.revoke_other_sessions(user.id, None, Actor::anonymous(), NOW).await.expect("served"));
    store.record_failed_sign_in(user.email.canonical(), Some(user.id), Actor::anonymous(), NOW).await.expect("served");
    assert_eq!(store.take(&[bucket(user)], NOW).await.expect("served"), RateLimitDecision::Allow);
    store.refund(&[bucket(user)], NOW).await.expect("served");
    store.reset(&[bucket(user)]).await.expect("served");
}

#[tokio::test]
async fn without_memory_users_sign_in_and_out_and_new_passwords_wait() {
    let server = RedisServer::start();
    let store = store_with_long_timeout(server.settings()).await;
    let user = ada();
    sign_up(&store, &user).await;
    assert!(store.replace_key(KeyKind::Api, "one", None, Some("old")).await.expect("served"));
    let session = opened(&store, &user, 9).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(is_good(&store, &user, session.id).await);
    let answer = store.update_password(user.id, user.version, &password_hash(1), None, Actor::anonymous(), NOW).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    assert!(is_good(&store, &user, session.id).await, "a password that is not new ends nothing");
    run_session_lifecycle(&store, &user, 1).await;
    assert!(store.replace_key(KeyKind::Api, "one", Some("old"), None).await.expect("served"), "a key is revoked");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

/// Waiting for disks and replicas writes a key, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_memory_sign_in_and_sign_out_are_still_acknowledged() {
    let server = RedisServer::start_with(&["--appendfsync", "always"]);
    let settings = RedisSettings { acknowledge: AckRequirement::Disk, replicas_min: 0, ..server.settings() };
    let store = store_with_long_timeout(settings).await;
    let user = ada();
    sign_up(&store, &user).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    run_session_lifecycle(&store, &user, 1).await;
}

/// What ends or opens a session has to be on the replicas; a last use and a rate limit do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_must_not_be_lost_waits_for_replicas() {
    let primary = RedisServer::start();
    let replica = primary.start_replica();
    let settings = |timeout| RedisSettings { acknowledge: AckRequirement::Replicas, timeout, ..primary.settings() };
    let start = async |timeout| RedisStore::start(settings(timeout), Arc::new(SystemRandom)).await.expect("a store");
    let (patient, hasty) = (start(Duration::from_secs(20)).await, start(Duration::from_millis(700)).await);
    let user = ada();
    sign_up(&patient, &user).await;
    let new = NewSession { refresh: Some(refresh_state(&user, &new_session(&user, 1), 1)), ..new_session(&user, 1) };
    let session = open(&patient, &user, &new).await;
    replica.freeze();
    let (at, anonymous) = (session.created_at.plus_millis(60_000), Actor::anonymous());
    assert!(is_good(&hasty, &user, session.id).await);
    hasty.touch_session(user.id, &session, at).await.expect("a use does not wait");
    assert_eq!(hasty.take(&[bucket(&user)], NOW).await.expect("nor does a try"), RateLimitDecision::Allow);
    hasty.refund(&[bucket(&user)], NOW).await.expect("nor does one that is given back");
    hasty.reset(&[bucket(&user)]).await.expect("nor does a filled bucket");
    hasty
        .record_failed_sign_in(user.email.canonical(), Some(user.id), anonymous, NOW)
        .await
        .expect("nor does a failure");
    let next = refresh_state(&user, &new, 2);
    let waiting = [
        hasty.replace_refresh(user.id, &session, &next, at).await.err(),
        hasty
            .replace_refresh(user.id, &Session { refresh: Some(next.clone()), ..session.clone() }, &next, at)
            .await
            .err(),
        hasty.open_session(user.id, user.version, &new_session(&user, 2), &LIMITS, anonymous, NOW).await.err(),
        hasty.revoke_other_sessions(user.id, Some(session.id), anonymous, NOW).await.err(),
        hasty.revoke_session(user.id, session.id, EventKind::SignedOut, anonymous, NOW).await.err(),
        hasty.replace_key(KeyKind::Api, "one", None, Some("key")).await.err(),
    ];
    for (place, error) in waiting.into_iter().enumerate() {
        assert!(matches!(error, Some(StoreError::Unavailable(_))), "act {place} is not confirmed: {error:?}");
    }
    replica.thaw();
    wait_for("it follows again", || replica.is_replica_in_sync());
}

/// A session check reads single keys, wherever they are. A change of several keys waits until they are together again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_slot_migration_sessions_are_checked_and_the_rest_waits() {
    let cluster = RedisCluster::start(3, 0);
    let settings = redis_settings::cluster(addresses(&cluster.ports()));
    let store = store_with_long_timeout(settings.clone()).await;
    let hasty = RedisSettings { timeout: Duration::from_millis(300), ..settings };
    let hasty = RedisStore::start(hasty, Arc::new(SystemRandom)).await.expect("in order");
    let user = ada();
    sign_up(&store, &user).await;
    let session = opened(&store, &user, 1).await;
    let slot = cluster.slot_of(&keys().user(user.id));
    let to = cluster.primaries().into_iter().find(|&node| Some(node) != cluster.primary_of(slot)).expect("another");
    let moving = SlotMigration::begin(&cluster, slot, to);
    for key in [keys().user(user.id), keys().sessions(user.id)] {
        assert!(is_good(&store, &user, session.id).await, "before {key} is moved");
        moving.move_key(&key);
        assert!(is_good(&store, &user, session.id).await, "after {key} was moved");
        assert_eq!(store.sessions(user.id, NOW).await.expect("served").0, std::slice::from_ref(&session));
        // Each of one key: they are redirected to it.
        let at = session.created_at.plus_millis(1);
        hasty.touch_session(user.id, &session, session.created_at).await.expect("served");
        assert!(!hasty.replace_refresh(user.id, &other(&user, &session), &state(&user), at).await.expect("served"));
    }
    let answer =
        hasty.open_session(user.id, user.version, &new_session(&user, 2), &LIMITS, Actor::anonymous(), NOW).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    let waiting = opened(&store, &user, 3);
    let finishing = async { tokio::task::spawn_blocking(move || ()).await.map(|()| moving.finish()) };
    let (session, finished) = tokio::join!(waiting, finishing);
    finished.expect("moved");
    assert!(is_good(&hasty, &user, session.id).await);
    assert_eq!(store.sessions(user.id, NOW).await.expect("served").0.len(), 2, "what was refused has opened nothing");
    assert_eq!(kinds(&store, &user).await, [EventKind::SignedUp, EventKind::SignedIn, EventKind::SignedIn]);
    assert_eq!(audit(&cluster, "userd:").contradictions, Vec::<String>::new());
}

/// A refresh of a session that was read with another refresh state.
fn other(user: &User, session: &userd_core::Session) -> userd_core::Session {
    userd_core::Session { refresh: Some(state(user)), ..session.clone() }
}

fn state(user: &User) -> userd_core::RefreshState {
    refresh_state(user, &new_session(user, 1), 7)
}
