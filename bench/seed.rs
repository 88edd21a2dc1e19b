//! Fills stores with generated users through the store contract; a million real sign-ups would take hours of hashing.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use userd_core::clock::{Clock, SystemClock};
use userd_core::random::{Random, SystemRandom};
use userd_core::{
    AccountStatus, Actor, DisplayName, Email, Password, PasswordHash, PasswordPolicy, SECRET_BYTES, SessionLimits,
    SessionToken, User, UserAgent, UserId, UserVersion,
};
use userd_service::hashing::{HashSettings, PasswordHasher};
use userd_store::EVENTS_RETENTION_DEFAULT;
use userd_store::{CreateUserOutcome, NewSession, OpenSessionOutcome, Store};
use userd_store_redis::{RedisSettings, RedisStore};
use userd_store_sqlite::{SqliteSettings, SqliteStore};
use userd_test_support::redis_settings;

/// The password of every user.
const PASSWORD: &str = "correct horse battery";

/// Concurrent inserts; enough to fill the group commits of the SQLite store.
const CONCURRENT_INSERTS: usize = 128;

/// How many users a load requests.
const PATHS: usize = 10_000;

/// The users that a load requests, by id, e-mail or session token.
pub struct SeededUsers {
    /// A file of `/api/users/<id>`.
    pub by_id: String,
    /// A file of `/api/users/<email>`.
    pub by_email: String,
    /// A file of session tokens, one per user.
    pub tokens: String,
    /// One id.
    pub one: String,
}

/// The hash of [`PASSWORD`] with userd's default parameters: one for all, since a million would take hours.
async fn password_hash() -> PasswordHash {
    let settings = HashSettings {
        memory_kib: 19_456,
        iterations: 2,
        parallelism: 1,
        workers: 1,
        queue: 1,
        wait: Duration::from_secs(60),
    };
    let hasher = PasswordHasher::start(&settings, Arc::new(SystemRandom)).expect("the hash thread starts");
    let policy = PasswordPolicy { chars_min: 8, chars_max: 128 };
    hasher.hash(Password::parse(PASSWORD, policy).expect("a password")).await.expect("a hash")
}

fn made_up_user(number: usize, password_hash: &PasswordHash) -> User {
    let mut bytes = [0; 10];
    SystemRandom.fill(&mut bytes);
    let now = SystemClock.now();
    User {
        id: UserId::generate(now, bytes),
        name: DisplayName::parse(&format!("Made-up Person {number}")).expect("a name"),
        email: Email::parse(&format!("person.{number}@mail{}.example.org", number % 100)).expect("an e-mail"),
        password_hash: password_hash.clone(),
        status: AccountStatus::default(),
        created_at: now,
        updated_at: now,
        version: UserVersion::FIRST,
    }
}

/// Creates `count` users in a store.
pub async fn seed_users(store: &Arc<dyn Store>, count: usize) -> Vec<User> {
    let hash = password_hash().await;
    let people: Vec<User> = (0..count).map(|number| made_up_user(number, &hash)).collect();
    let insert = |user: User| {
        let store = Arc::clone(store);
        async move {
            assert_eq!(
                store.create_user(&user, Actor::anonymous()).await.expect("the store works"),
                CreateUserOutcome::Created
            );
        }
    };
    run_concurrently(people.iter().cloned().map(insert)).await;
    people
}

/// Opens a session for each of `people`; returns their tokens, in no order.
pub async fn open_sessions(store: &Arc<dyn Store>, people: &[User]) -> Vec<String> {
    let limits = SessionLimits { idle_ms: 3_600_000, absolute_ms: 86_400_000, sessions_max: 20 };
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0";
    let address = Some(std::net::IpAddr::from([192, 0, 2, 1]));
    let actor = Actor { address, agent: UserAgent::shorten(agent), ..Actor::default() };
    let open = |user: UserId| {
        let (store, actor) = (Arc::clone(store), actor.clone());
        async move {
            let mut secret = [0; SECRET_BYTES];
            SystemRandom.fill(&mut secret);
            let token = SessionToken::generate(user, secret);
            let (id, proof) = token.digest();
            let (session, now) = (NewSession { id, proof, refresh: None }, SystemClock.now());
            let opened = store.open_session(user, UserVersion::FIRST, &session, &limits, &actor, now).await;
            assert!(matches!(opened.expect("the store works"), OpenSessionOutcome::Opened(_)));
            token.expose()
        }
    };
    run_concurrently(people.iter().map(|user| open(user.id))).await
}

/// Runs all of them, some concurrently; the results are in no order.
async fn run_concurrently<T: Send + 'static>(
    acts: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let (mut tasks, mut results) = (JoinSet::new(), Vec::new());
    for act in acts {
        if tasks.len() >= CONCURRENT_INSERTS {
            results.extend(tasks.join_next().await.map(|done| done.expect("it does not panic")));
        }
        tasks.spawn(act);
    }
    results.extend(tasks.join_all().await);
    results
}

/// Creates `count` users in a store, and a session for each of those that loads request.
pub async fn fill(store: Arc<dyn Store>, count: usize, folder: &Path, name: &str) -> SeededUsers {
    let people = seed_users(&store, count).await;
    let asked: Vec<User> = people.iter().step_by((count / PATHS).max(1)).take(PATHS).cloned().collect();
    let by_id: Vec<String> = asked.iter().map(|user| format!("/api/users/{}", user.id)).collect();
    let by_email: Vec<String> = asked.iter().map(|user| format!("/api/users/{}", user.email.canonical())).collect();
    let tokens = open_sessions(&store, &asked).await;
    let write = |kind: &str, paths: &[String]| {
        let path = folder.join(format!("{name}-{kind}.txt"));
        let mut file = std::fs::File::create(&path).expect("a file for the paths");
        for line in paths {
            writeln!(file, "{line}").expect("the disk has room");
        }
        path.display().to_string()
    };
    let one = by_id[0].trim_start_matches("/api/users/").to_owned();
    let (by_id, by_email) = (write("by-id", &by_id), write("by-email", &by_email));
    SeededUsers { by_id, by_email, tokens: write("tokens", &tokens), one }
}

/// A database file with `count` users.
pub async fn fill_sqlite(path: &Path, count: usize, folder: &Path, name: &str) -> SeededUsers {
    let settings = SqliteSettings {
        path: path.to_owned(),
        readers: 2,
        timeout: Duration::from_secs(60),
        queue: 1024,
        events_retention_max: EVENTS_RETENTION_DEFAULT,
    };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings).expect("a fresh database"));
    let seeded = fill(Arc::clone(&store), count, folder, name).await;
    store.close().await;
    seeded
}

/// A Redis with `count` users.
pub async fn fill_redis(port: u16, count: usize, folder: &Path, name: &str) -> SeededUsers {
    let store = redis(port).await;
    let seeded = fill(Arc::clone(&store), count, folder, name).await;
    store.close().await;
    seeded
}

/// A Redis with `count` users without sessions.
pub async fn fill_redis_without_sessions(port: u16, count: usize) {
    let store = redis(port).await;
    seed_users(&store, count).await;
    store.close().await;
}

/// A store on the Redis at this port.
pub async fn redis(port: u16) -> Arc<dyn Store> {
    let settings = RedisSettings { timeout: Duration::from_secs(60), ..redis_settings::at(port) };
    Arc::new(RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("redis is good"))
}
