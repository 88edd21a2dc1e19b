//! A Redis that answers late or never: paused for writes, paused for all, frozen, or unreachable. Waits are bounded,
//! and what can be served is served.

use std::sync::Arc;
use std::time::Duration;
use userd_core::Actor;

use tokio::net::TcpListener;
use tokio::time::Instant;
use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_store::{CreateUserOutcome, Store};
use userd_store_redis::{RedisSettings, RedisStore};

use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::redis_settings;
use userd_test_support::retry::retry_until_served;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(300);

/// Far above the time limit of a call, on a busy machine too: a call that takes so long has waited for the server.
const UNBOUNDED: Duration = Duration::from_secs(10);

async fn store_at(settings: RedisSettings) -> RedisStore {
    RedisStore::start(RedisSettings { timeout: TIMEOUT, ..settings }, Arc::new(SystemRandom)).await.expect("a store")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_writes_are_paused_look_ups_go_on_and_changes_are_refused_in_time() {
    let (server, clock) = (RedisServer::start(), ManualClock::at(NOW));
    let store = store_at(server.settings()).await;
    let ada = new_user(&clock, "ada@example.org");
    assert_eq!(store.create_user(&ada, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);

    server.command(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    let begun = Instant::now();
    for number in 0..5 {
        let refused =
            store.create_user(&new_user(&clock, &format!("late-{number}@example.org")), Actor::anonymous()).await;
        assert!(refused.is_err(), "{refused:?}");
        // The store may be reconnecting, which takes no longer than a call may.
        let found = retry_until_served(|| store.user_by_email(ada.email.canonical())).await;
        assert_eq!(found.as_ref(), Some(&ada));
    }
    assert!(begun.elapsed() < UNBOUNDED, "a call waited for the end of the pause");

    server.command(&["CLIENT", "UNPAUSE"]);
    let bob = new_user(&clock, "bob@example.org");
    retry_until_served(|| store.create_user(&bob, Actor::anonymous())).await;
    assert_eq!(store.user(bob.id).await.expect("served").as_ref(), Some(&bob));
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

/// A host that accepts connections, or drops every packet, and never answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_is_a_bounded_wait() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let begun = Instant::now();
    let store = store_at(redis_settings::at(port)).await;
    let unknown = new_user(&ManualClock::at(NOW), "unknown@example.org");
    assert!(store.user(unknown.id).await.is_err());
    assert!(store.create_user(&unknown, Actor::anonymous()).await.is_err());
    assert!(store.check_health().await.is_err());
    assert!(begun.elapsed() < UNBOUNDED);
}
