//! Interleavings of clients' steps of the claim protocol on a real Redis, with crashes, late duplicates and lost
//! answers: of two clients all (`pairs`), of three random ones by seed (`random_scenarios`), and proof that errors are
//! found (`controls`).
//!
//! | module | what |
//! |---|---|
//! | `scenario` | users, clients with their operations, and clocks |
//! | `client` | a real store's next step after any answers |
//! | `explore` | every schedule of a scenario |
//! | `random_walk` | one random schedule, run from start to end |
//! | `invariants` | what must hold |
//!
//! With `USERD_FAULTS_SECONDS` the random ones run for that time, and the pairs leave nothing out, however long that
//! takes; `USERD_FAULTS_SEED` is the first seed.

mod client;
mod controls;
mod explore;
mod invariants;
mod pairs;
mod random_scenarios;
mod random_walk;
mod scenario;

use std::sync::Arc;
use userd_core::Actor;

use userd_core::random::SystemRandom;
use userd_store::{CreateUserOutcome, OpenSessionOutcome, SessionStore, Store};
use userd_store_redis::RedisStore;

use self::scenario::{Scenario, session_of, user};
use userd_test_support::database_image::DatabaseImage;
use userd_test_support::fixtures::NOW;
use userd_test_support::key_space::KeySpace;
use userd_test_support::redis_settings;
use userd_test_support::session_fixtures::LIMITS;

/// The database on which a scenario begins: its users have signed up.
async fn beginning(scenario: &Scenario, port: u16, key_space: &mut KeySpace) -> DatabaseImage {
    key_space.restore(&DatabaseImage::new()).await;
    let settings = redis_settings::at(port);
    let store = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a store");
    for &(number, email) in &scenario.users {
        assert_eq!(
            store.create_user(&user(number, email, NOW), Actor::anonymous()).await.expect("served"),
            CreateUserOutcome::Created
        );
        for which in 1..=2 {
            let (user, session) = (user(number, email, NOW), session_of(number, which));
            let opened = store.open_session(user.id, user.version, &session, &LIMITS, Actor::anonymous(), NOW).await;
            assert!(matches!(opened, Ok(OpenSessionOutcome::Opened(_))), "{opened:?}");
        }
    }
    key_space.image().await
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    let text = std::env::var_os(name)?.into_string().ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
