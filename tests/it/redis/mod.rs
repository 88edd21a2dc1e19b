//! What a Redis store promises in addition to the contract: the cost of sessions, faults that only Redis has, and that
//! its script implements the domain's rate limit rule.
//!
//! | module | what |
//! |---|---|
//! | `resource_costs` | bytes of a session, encodings, round trips |
//! | `sessions` | old epochs, several stores, lost answers, late copies |
//! | `memory_pressure` | no memory, unreachable replicas, slot migration |
//! | `events` | how many are kept, and how they are read |
//! | `import` | what an aborted import has left |
//! | `rate_limit` | the rule in Lua |

mod events;
mod import;
mod memory_pressure;
mod rate_limit;
mod resource_costs;
mod sessions;

use userd_core::clock::ManualClock;
use userd_core::{Actor, EventKind, Session, SessionId, User, UserAgent};
use userd_store::{CreateUserOutcome, EVENTS_RETENTION_DEFAULT, NewSession, OpenSessionOutcome, SessionStore, Store};
use userd_store_redis::layout::KeyLayout;
use userd_store_redis::{RedisSettings, RedisStore};

use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::session_fixtures::{LIMITS, actor_at, new_session};

/// 46 bytes, about the length that browsers are shortened to.
const AGENT: &str = "(X11; Linux x86_64; rv:128.0) Firefox/128.0.20";

/// The key layout of the tests' stores.
fn keys() -> KeyLayout {
    KeyLayout::with_prefix("userd:".to_owned())
}

/// A server, a store on it, and a user who has signed up.
async fn setup() -> (RedisServer, RedisStore, User) {
    setup_with_events_kept(EVENTS_RETENTION_DEFAULT).await
}

/// The same, with this many events kept.
async fn setup_with_events_kept(events_retention_max: u64) -> (RedisServer, RedisStore, User) {
    let server = RedisServer::start();
    let store = store_with_long_timeout(RedisSettings { events_retention_max, ..server.settings() }).await;
    let user = new_user(&ManualClock::at(NOW), "ada@example.org");
    sign_up(&store, &user).await;
    (server, store, user)
}

async fn sign_up(store: &impl Store, user: &User) {
    assert_eq!(store.create_user(user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
}

/// A client at an IPv4 address with a browser.
fn browser_actor() -> Actor {
    Actor { agent: UserAgent::from_stored(AGENT.to_owned()), ..actor_at(1) }
}

async fn open(store: &RedisStore, user: &User, session: &NewSession) -> Session {
    let opened = store.open_session(user.id, user.version, session, &LIMITS, &browser_actor(), NOW).await;
    match opened.expect("served") {
        OpenSessionOutcome::Opened(session) => *session,
        refused => panic!("not opened: {refused:?}"),
    }
}

/// Opens session `number` of the user.
async fn opened(store: &RedisStore, user: &User, number: u16) -> Session {
    open(store, user, &new_session(user, number)).await
}

async fn is_good(store: &RedisStore, user: &User, id: SessionId) -> bool {
    store.session(user.id, id, NOW).await.expect("served").is_some()
}

/// The user's events, in order.
async fn kinds(store: &RedisStore, user: &User) -> Vec<EventKind> {
    store.events(user.id, usize::MAX).await.expect("served").into_iter().map(|event| event.kind).collect()
}

/// A number in the server's `INFO`.
fn stat(server: &RedisServer, section: &str, name: &str) -> u64 {
    let info = server.text(&["INFO", section]);
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = line.map(|value| value.split(',').next().unwrap_or_default().trim_start_matches("calls="));
    value.map_or(0, |value| value.trim().parse().unwrap_or_else(|error| panic!("{name}: {value}: {error}")))
}
