//! What must hold on a Redis after a crash in the middle of an operation.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_core::{Actor, UserId};
use userd_store::{CreateUserOutcome, Store};
use userd_store_redis::{INTENT_MS, RedisSettings, RedisStore};

use super::fixtures::{new_user, parse_email};
use super::redis_audit::audit;
use super::redis_server::RedisServer;

/// A store whose time-out is longer than any test's fault.
pub async fn store_with_long_timeout(settings: RedisSettings) -> RedisStore {
    let settings = RedisSettings { timeout: Duration::from_secs(20), ..settings };
    RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a store")
}

/// The user that an e-mail address leads to.
pub async fn owner(store: &RedisStore, email: &str) -> Option<UserId> {
    store.user_by_email(parse_email(email).canonical()).await.expect("served").map(|user| user.id)
}

/// Violations of an invariant that no crash excuses.
pub fn assert_no_contradictions(server: &RedisServer, what: &str) {
    assert_eq!(audit(server, "userd:").contradictions, Vec::<String>::new(), "{what}");
}

/// After all other clients have crashed and every deadline has passed: `acknowledged` users (e-mail address and owner)
/// are there, free addresses of `emails` can be taken, taken ones can't, and the store has no contradiction.
pub async fn assert_recovers(
    server: &RedisServer,
    clock: &ManualClock,
    acknowledged: &[(&str, Option<UserId>)],
    emails: &[&str],
    what: &str,
) {
    assert_no_contradictions(server, what);
    clock.advance_ms(INTENT_MS + 1);
    let store = store_with_long_timeout(server.settings()).await;
    for &(email, expected) in acknowledged {
        assert_eq!(owner(&store, email).await, expected, "{what}: an acknowledged outcome holds for {email}");
    }
    for email in emails {
        let owner = owner(&store, email).await;
        let outcome = store.create_user(&new_user(clock, email), Actor::anonymous()).await.expect("served");
        let expected = if owner.is_some() { CreateUserOutcome::EmailTaken } else { CreateUserOutcome::Created };
        assert_eq!(outcome, expected, "{what}: {email} is neither doubled nor blocked");
    }
    assert_no_contradictions(server, &format!("{what}, after recovery"));
}
