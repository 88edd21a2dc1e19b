//! A step ran, its answer was lost, and before its repeat arrived another client changed the same user. Then the repeat
//! is refused although the step was done: the caller must not be answered "nothing was changed".

use std::sync::Arc;

use tokio::sync::Notify;
use userd_core::clock::ManualClock;
use userd_core::{Actor, PasswordHash, User};
use userd_store::{CreateUserOutcome, Store, StoreError, UpdateUserOutcome, UserProfile};
use userd_store_redis::RedisStore;

use userd_test_support::fault_proxy::{FaultProxy, ProxyAction};
use userd_test_support::fixtures::{NOW, SOME_HASH, new_profile, new_user};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;

/// Steps that connecting takes: self-test and namespace.
const CONNECTING: usize = 2;

/// The user, a store whose answer to its `at`-th step is lost and whose repeat of it waits, and the two ends of
/// that wait.
async fn setup(at: usize) -> (RedisServer, User, RedisStore, FaultProxy, Arc<Notify>, Arc<Notify>) {
    let server = RedisServer::start();
    let user = new_user(&ManualClock::at(NOW), "old@example.org");
    let direct = store_with_long_timeout(server.settings()).await;
    assert_eq!(direct.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let repeat = ProxyAction::Hold(Arc::clone(&arrived), Arc::clone(&go_on));
    let decide = move |step: usize| match step.checked_sub(CONNECTING + at) {
        Some(0) => ProxyAction::CutAfter,
        Some(1) => repeat.clone(),
        _ => ProxyAction::Forward,
    };
    let proxy = FaultProxy::start(server.port(), decide).await;
    let disturbed = store_with_long_timeout(proxy.settings()).await;
    (server, user, disturbed, proxy, arrived, go_on)
}

/// Runs `change` and, while its repeat waits, another client's change to what `rival` makes of the user.
async fn run_with_rival(
    server: &RedisServer,
    user: &User,
    change: impl Future<Output = Result<UpdateUserOutcome, StoreError>>,
    (arrived, go_on): (Arc<Notify>, Arc<Notify>),
    rival: impl FnOnce(&User) -> UserProfile,
) -> Result<UpdateUserOutcome, StoreError> {
    let rival = async {
        arrived.notified().await;
        let direct = store_with_long_timeout(server.settings()).await;
        let now = direct.user(user.id).await.expect("served").expect("still there");
        let answer = direct.update_profile(now.id, now.version, &rival(&now), Actor::anonymous(), NOW).await;
        assert!(matches!(answer, Ok(UpdateUserOutcome::Updated(_))), "{answer:?}");
        go_on.notify_one();
    };
    tokio::join!(change, rival).0
}

/// Another name, the same e-mail.
fn renamed(user: &User) -> UserProfile {
    new_profile("Rival", user.email.as_written())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_changed_is_not_answered_as_unchanged() {
    let (server, user, store, _proxy, arrived, go_on) = setup(0).await;
    let hash =
        PasswordHash::parse(&SOME_HASH.replace("c29tZXNhbHRzb21lc2FsdA", "b3RoZXJzYWx0b3RoZXJzYQ")).expect("a hash");
    let change = store.update_password(user.id, user.version, &hash, None, Actor::anonymous(), NOW);
    let answer = run_with_rival(&server, &user, change, (arrived, go_on), renamed).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    let after = store.user(user.id).await.expect("served").expect("still there");
    assert_eq!((after.password_hash, after.name.as_str()), (hash, "Rival"), "both were done");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_change_that_committed_and_was_then_edited_is_answered_as_done() {
    // X1, C2, X3: the commit's answer is lost. An edit leaves the e-mail under its op, so the repeat is known.
    let (server, user, store, _proxy, arrived, go_on) = setup(2).await;
    let wanted = new_profile("Ada", "new@example.org");
    let change = store.update_profile(user.id, user.version, &wanted, Actor::anonymous(), NOW);
    let answer = run_with_rival(&server, &user, change, (arrived, go_on), renamed).await;
    assert!(matches!(answer, Ok(UpdateUserOutcome::Updated(_))), "{answer:?}");
    let after = store.user(user.id).await.expect("served").expect("still there");
    assert_eq!((after.email.as_written(), after.name.as_str()), ("new@example.org", "Rival"));
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_change_that_committed_and_was_then_changed_again_is_not_answered_as_unchanged() {
    let (server, user, store, _proxy, arrived, go_on) = setup(2).await;
    let wanted = new_profile("Ada", "new@example.org");
    let change = store.update_profile(user.id, user.version, &wanted, Actor::anonymous(), NOW);
    let rival = |now: &User| {
        assert_eq!(now.email.as_written(), "new@example.org", "the first change committed");
        new_profile("Rival", "third@example.org")
    };
    let answer = run_with_rival(&server, &user, change, (arrived, go_on), rival).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    let after = store.user(user.id).await.expect("served").expect("still there");
    assert_eq!(after.email.as_written(), "third@example.org", "the later change stands");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}
