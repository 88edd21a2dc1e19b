//! A step ran, its answer was lost, and before its repeat arrived somebody else changed the same user. Then the
//! repeat is refused although the step was done: the caller must not be told "nothing was changed".

use std::sync::Arc;

use tokio::sync::Notify;
use userd_core::clock::ManualClock;
use userd_core::{Client, PasswordHash, User};
use userd_store::{Insert, Profile, Store, StoreError, Update};
use userd_store_redis::RedisStore;

use userd_test_support::people::{NOW, SOME_HASH, person, profile};
use userd_test_support::proxy::{Fate, Proxy};
use userd_test_support::recovery::patient_store;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;

/// Steps that connecting takes: self-test and namespace.
const CONNECTING: usize = 2;

/// The user, a store whose answer to its `at`-th step is lost and whose repeat of it waits, and the two ends of
/// that wait.
async fn scene(at: usize) -> (RedisServer, User, RedisStore, Proxy, Arc<Notify>, Arc<Notify>) {
    let server = RedisServer::start();
    let user = person(&ManualClock::at(NOW), "old@example.org");
    let direct = patient_store(server.settings()).await;
    assert_eq!(direct.insert_user(&user, Client::nobody()).await.expect("served"), Insert::Inserted);
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let repeat = Fate::Hold(Arc::clone(&arrived), Arc::clone(&go_on));
    let decide = move |step: usize| match step.checked_sub(CONNECTING + at) {
        Some(0) => Fate::CutAfter,
        Some(1) => repeat.clone(),
        _ => Fate::Pass,
    };
    let proxy = Proxy::start(server.port(), decide).await;
    let disturbed = patient_store(proxy.settings()).await;
    (server, user, disturbed, proxy, arrived, go_on)
}

/// Runs `change` and, while its repeat waits, somebody else's change to what `rival` makes of the user.
async fn with_a_rival(
    server: &RedisServer,
    user: &User,
    change: impl Future<Output = Result<Update, StoreError>>,
    (arrived, go_on): (Arc<Notify>, Arc<Notify>),
    rival: impl FnOnce(&User) -> Profile,
) -> Result<Update, StoreError> {
    let rival = async {
        arrived.notified().await;
        let direct = patient_store(server.settings()).await;
        let now = direct.user(user.id).await.expect("served").expect("still there");
        let answer = direct.replace_profile(now.id, now.version, &rival(&now), Client::nobody(), NOW).await;
        assert!(matches!(answer, Ok(Update::Updated(_))), "{answer:?}");
        go_on.notify_one();
    };
    tokio::join!(change, rival).0
}

/// Another name, the same e-mail.
fn renamed(user: &User) -> Profile {
    profile("Rival", user.email.as_written())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_changed_is_not_answered_as_unchanged() {
    let (server, user, store, _proxy, arrived, go_on) = scene(0).await;
    let hash =
        PasswordHash::parse(&SOME_HASH.replace("c29tZXNhbHRzb21lc2FsdA", "b3RoZXJzYWx0b3RoZXJzYQ")).expect("a hash");
    let change = store.replace_password(user.id, user.version, &hash, None, Client::nobody(), NOW);
    let answer = with_a_rival(&server, &user, change, (arrived, go_on), renamed).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    let after = store.user(user.id).await.expect("served").expect("still there");
    assert_eq!((after.password_hash, after.name.as_str()), (hash, "Rival"), "both were done");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_change_that_committed_and_was_then_edited_is_answered_as_done() {
    // X1, C2, X3: the commit's answer is lost. An edit leaves the e-mail under its op, so the repeat is known.
    let (server, user, store, _proxy, arrived, go_on) = scene(2).await;
    let wanted = profile("Ada", "new@example.org");
    let change = store.replace_profile(user.id, user.version, &wanted, Client::nobody(), NOW);
    let answer = with_a_rival(&server, &user, change, (arrived, go_on), renamed).await;
    assert!(matches!(answer, Ok(Update::Updated(_))), "{answer:?}");
    let after = store.user(user.id).await.expect("served").expect("still there");
    assert_eq!((after.email.as_written(), after.name.as_str()), ("new@example.org", "Rival"));
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_change_that_committed_and_was_then_changed_again_is_not_answered_as_unchanged() {
    let (server, user, store, _proxy, arrived, go_on) = scene(2).await;
    let wanted = profile("Ada", "new@example.org");
    let change = store.replace_profile(user.id, user.version, &wanted, Client::nobody(), NOW);
    let rival = |now: &User| {
        assert_eq!(now.email.as_written(), "new@example.org", "the first change committed");
        profile("Rival", "third@example.org")
    };
    let answer = with_a_rival(&server, &user, change, (arrived, go_on), rival).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    let after = store.user(user.id).await.expect("served").expect("still there");
    assert_eq!(after.email.as_written(), "third@example.org", "the later change stands");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}
