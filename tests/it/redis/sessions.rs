//! Sessions with several stores, lost answers and late copies.

use std::sync::Arc;
use std::time::Duration;

use userd_core::EventKind::{PasswordChanged, SessionsRevoked, SignedIn, SignedOut};
use userd_core::random::SystemRandom;
use userd_core::{Actor, EventKind, Session, User};
use userd_store::{NewSession, SessionStore, Store, StoreError, UpdateUserOutcome};
use userd_store_redis::{RedisSettings, RedisStore};

use super::{is_good, keys, kinds, open, opened, setup, stat};
use userd_test_support::fault_proxy::{FaultProxy, ProxyAction};
use userd_test_support::fixtures::NOW;
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::session_fixtures::{new_session, refresh_state};
use userd_test_support::stores::{password_hash, run_concurrently};

/// The steps of connecting: self-test and namespace.
const CONNECTING: usize = 2;

/// Sets a new password that keeps session `keep`; returns the user after that.
async fn new_password(store: &RedisStore, user: &User, keep: Option<&Session>) -> User {
    let hash = password_hash(user.version.number());
    let keep = keep.map(|session| session.id);
    match store.update_password(user.id, user.version, &hash, keep, Actor::anonymous(), NOW).await {
        Ok(UpdateUserOutcome::Updated(user)) => *user,
        other => panic!("not replaced: {other:?}"),
    }
}

/// A hash of the server, as bytes.
fn hash(server: &RedisServer, key: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    redis::from_redis_value(server.command(&["HGETALL", key])).expect("a hash")
}

fn put(server: &RedisServer, key: &str, fields: &[(Vec<u8>, Vec<u8>)]) {
    let mut connection = server.connection().expect("a connection");
    redis::cmd("HSET").arg(key).arg(fields).query::<()>(&mut connection).expect("written");
}

#[tokio::test]
async fn a_session_that_one_store_ends_is_rejected_by_every_other_at_once() {
    let (server, one, user) = setup().await;
    let other = store_with_long_timeout(server.settings()).await;
    let (kept, ended) = (opened(&one, &user, 1).await, opened(&one, &user, 2).await);
    assert!(is_good(&other, &user, kept.id).await && is_good(&other, &user, ended.id).await);
    let user = new_password(&one, &user, Some(&kept)).await;
    assert!(!is_good(&other, &user, ended.id).await);
    assert!(is_good(&other, &user, kept.id).await);
    let ended = opened(&one, &user, 3).await;
    assert!(other.revoke_other_sessions(user.id, Some(kept.id), Actor::anonymous(), NOW).await.expect("served"));
    assert!(!is_good(&one, &user, ended.id).await && is_good(&one, &user, kept.id).await);
    assert!(
        other.revoke_session(user.id, kept.id, EventKind::SignedOut, Actor::anonymous(), NOW).await.expect("served")
    );
    assert!(!is_good(&one, &user, kept.id).await);
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

/// As a delayed step, or a part of a backup, would.
#[tokio::test]
async fn a_session_of_an_old_epoch_that_is_written_late_does_not_come_back() {
    let (server, store, user) = setup().await;
    let old = NewSession { refresh: Some(refresh_state(&user, &new_session(&user, 1), 1)), ..new_session(&user, 1) };
    let session = open(&store, &user, &old).await;
    let key = keys().sessions(user.id);
    let before = hash(&server, &key);
    let user = new_password(&store, &user, None).await;
    assert_eq!(hash(&server, &key), []);
    put(&server, &key, &before);
    assert!(!is_good(&store, &user, session.id).await);
    assert_eq!(store.sessions(user.id, NOW).await.expect("served").0, []);
    let user = new_password(&store, &user, Some(&session)).await;
    assert!(!is_good(&store, &user, session.id).await, "a new password does not bring it back");
    put(&server, &key, &before);
    assert!(store.revoke_other_sessions(user.id, Some(session.id), Actor::anonymous(), NOW).await.expect("served"));
    assert!(!is_good(&store, &user, session.id).await, "nor does an ending of all others");
    put(&server, &key, &before);
    let new = opened(&store, &user, 2).await;
    assert_eq!(store.sessions(user.id, NOW).await.expect("served").0, [new]);
    assert_eq!(hash(&server, &key).len(), 2, "the next signing in tidies: {key}");
}

#[tokio::test]
async fn a_sign_in_whose_answer_was_lost_opens_one_session_with_one_event() {
    let (server, direct, user) = setup().await;
    for (number, fate) in [ProxyAction::CutAfter, ProxyAction::CutBefore, ProxyAction::Twice].into_iter().enumerate() {
        let decide = move |step: usize| if step == CONNECTING { fate.clone() } else { ProxyAction::Forward };
        let proxy = FaultProxy::start(server.port(), decide).await;
        let store = store_with_long_timeout(proxy.settings()).await;
        let session = opened(&store, &user, u16::try_from(number).expect("few")).await;
        let found = direct.session(user.id, session.id, NOW).await.expect("served").expect("it is open");
        assert_eq!(found.session, session);
        assert!(proxy.steps() > CONNECTING);
    }
    assert_eq!(direct.sessions(user.id, NOW).await.expect("served").0.len(), 3);
    let signed_in = kinds(&direct, &user).await.into_iter().filter(|kind| *kind == EventKind::SignedIn).count();
    assert_eq!(signed_in, 3);
}

/// The same for every other write: the proxy loses each answer once.
#[tokio::test]
async fn whatever_answer_is_lost_each_change_is_one_event() {
    let (server, direct, user) = setup().await;
    let lose_every_second = |step: usize| match step.checked_sub(CONNECTING) {
        Some(step) if step % 4 == 0 => ProxyAction::CutAfter,
        _ => ProxyAction::Forward,
    };
    let acts = async |store: &RedisStore, user: &User| {
        let (one, two) = (opened(store, user, 1).await, opened(store, user, 2).await);
        let user = new_password(store, user, Some(&one)).await;
        assert!(!is_good(store, &user, two.id).await && is_good(store, &user, one.id).await);
        opened(store, &user, 3).await;
        assert!(store.revoke_other_sessions(user.id, Some(one.id), Actor::anonymous(), NOW).await.expect("served"));
        let kind = EventKind::SignedOut;
        assert!(store.revoke_session(user.id, one.id, kind, Actor::anonymous(), NOW).await.expect("served"));
    };
    // Each call meets a loss in one of the rounds: the proxy starts at another step each time.
    for skipped in 0..4 {
        let proxy = FaultProxy::start(server.port(), move |step| lose_every_second(step + skipped)).await;
        let store = store_with_long_timeout(proxy.settings()).await;
        let before = kinds(&direct, &user).await.len();
        let user = direct.user(user.id).await.expect("served").expect("she is there");
        acts(&store, &user).await;
        let expected = [SignedIn, SignedIn, PasswordChanged, SignedIn, SessionsRevoked, SignedOut];
        assert_eq!(kinds(&direct, &user).await[before..], expected, "from step {skipped} on");
    }
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

/// Whether it was written is unknown, and writing it again would make two of one.
#[tokio::test]
async fn a_failed_sign_in_whose_answer_was_lost_is_at_most_one_event() {
    let (server, direct, user) = setup().await;
    let lose = |step: usize| if step == CONNECTING { ProxyAction::CutAfter } else { ProxyAction::Forward };
    let proxy = FaultProxy::start(server.port(), lose).await;
    let store = store_with_long_timeout(proxy.settings()).await;
    let answer = store.record_failed_sign_in(user.email.canonical(), Some(user.id), Actor::anonymous(), NOW).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    assert_eq!(kinds(&direct, &user).await, [EventKind::SignedUp, EventKind::SignInFailed]);
}

/// The first copy is delayed, the second opens, and the session is ended before the first arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_copy_of_a_sign_in_opens_no_session() {
    let (server, direct, user) = setup().await;
    let late = Duration::from_millis(1_700);
    let hold = move |step: usize| if step == CONNECTING { ProxyAction::Late(late) } else { ProxyAction::Forward };
    let proxy = FaultProxy::start(server.port(), hold).await;
    let settings = RedisSettings { timeout: Duration::from_millis(500), ..proxy.settings() };
    let store = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a store");
    let session = opened(&store, &user, 1).await;
    let scripts = || stat(&server, "commandstats", "cmdstat_evalsha");
    assert!(
        direct
            .revoke_session(user.id, session.id, EventKind::SignedOut, Actor::anonymous(), NOW)
            .await
            .expect("served")
    );
    let before = scripts();
    wait_for("the late copy arrives", || scripts() > before);
    assert!(!is_good(&direct, &user, session.id).await);
    assert_eq!(kinds(&direct, &user).await, [EventKind::SignedUp, EventKind::SignedIn, EventKind::SignedOut]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_refreshes_over_two_stores_exactly_one_succeeds() {
    let (server, one, user) = setup().await;
    let new = NewSession { refresh: Some(refresh_state(&user, &new_session(&user, 1), 0)), ..new_session(&user, 1) };
    let session = open(&one, &user, &new).await;
    let stores = [Arc::new(one), Arc::new(store_with_long_timeout(server.settings()).await)];
    let acts = (1..=16_u16).map(|number| {
        let (store, session) = (Arc::clone(&stores[usize::from(number) % 2]), session.clone());
        let (id, next) = (user.id, refresh_state(&user, &new, number));
        async move { store.replace_refresh(id, &session, &next, session.created_at).await.expect("served") }
    });
    let outcomes = run_concurrently(acts).await;
    assert_eq!(outcomes.iter().filter(|replaced| **replaced).count(), 1, "{outcomes:?}");
}
