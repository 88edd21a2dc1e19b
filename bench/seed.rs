//! Fills stores with made-up users through the store's own contract, since a million real sign-ups would
//! take hours of hashing.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use userd::clock::{Clock, SystemClock};
use userd::domain::{Client, Email, Name, PasswordHash, User, UserId, Version};
use userd::random::{Random, SystemRandom};
use userd::store::embedded::{EVENTS_KEPT, EmbeddedSettings, EmbeddedStore};
use userd::store::redis::{RedisSettings, RedisStore};
use userd::store::{Insert, Store};

/// The hash of a password that nobody has, with userd's default parameters.
const SOME_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b5dWRWJTmaaJObGRdescudvJCs";

/// Inserts at once; enough to fill the groups in which the embedded store commits.
const AT_ONCE: usize = 128;

/// How many paths of users are written down for the load to ask for.
const PATHS: usize = 10_000;

/// Whose paths a load asks for: by id and by e-mail.
pub struct Seeded {
    /// A file of `/api/users/<id>`.
    pub by_id: String,
    /// A file of `/api/users/<email>`.
    pub by_email: String,
    /// One id.
    pub one: String,
}

fn person(number: usize) -> User {
    let mut bytes = [0; 10];
    SystemRandom.fill(&mut bytes);
    let now = SystemClock.now();
    User {
        id: UserId::generate(now, bytes),
        name: Name::parse(&format!("Made-up Person {number}")).expect("a name"),
        email: Email::parse(&format!("person.{number}@mail{}.example.org", number % 100)).expect("an e-mail"),
        password_hash: PasswordHash::parse(SOME_HASH).expect("a hash"),
        created_at: now,
        updated_at: now,
        version: Version::FIRST,
    }
}

/// Puts `count` users into a store.
pub async fn fill(store: Arc<dyn Store>, count: usize, folder: &Path, name: &str) -> Seeded {
    let (mut by_id, mut by_email) = (Vec::new(), Vec::new());
    let mut tasks = JoinSet::new();
    let every = (count / PATHS).max(1);
    for number in 0..count {
        let user = person(number);
        if number % every == 0 && by_id.len() < PATHS {
            by_id.push(format!("/api/users/{}", user.id));
            by_email.push(format!("/api/users/{}", user.email.canonical()));
        }
        if tasks.len() >= AT_ONCE {
            tasks.join_next().await;
        }
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            assert_eq!(store.insert_user(&user, Client::nobody()).await.expect("the store works"), Insert::Inserted);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("an insert");
    }
    let write = |kind: &str, paths: &[String]| {
        let path = folder.join(format!("{name}-{kind}.txt"));
        let mut file = std::fs::File::create(&path).expect("a file for the paths");
        for line in paths {
            writeln!(file, "{line}").expect("the disk has room");
        }
        path.display().to_string()
    };
    let one = by_id[0].trim_start_matches("/api/users/").to_owned();
    Seeded { by_id: write("by-id", &by_id), by_email: write("by-email", &by_email), one }
}

/// A database file with `count` users.
pub async fn fill_embedded(path: &Path, count: usize, folder: &Path, name: &str) -> Seeded {
    let settings = EmbeddedSettings {
        path: path.to_owned(),
        readers: 2,
        timeout: Duration::from_secs(60),
        queue: 1024,
        events_kept: EVENTS_KEPT,
    };
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&settings).expect("a fresh database"));
    let seeded = fill(Arc::clone(&store), count, folder, name).await;
    store.close().await;
    seeded
}

/// A Redis with `count` users.
pub async fn fill_redis(port: u16, count: usize, folder: &Path, name: &str) -> Seeded {
    let settings = RedisSettings { timeout: Duration::from_secs(60), ..RedisSettings::at("127.0.0.1", port) };
    let store: Arc<dyn Store> =
        Arc::new(RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("redis is good"));
    let seeded = fill(Arc::clone(&store), count, folder, name).await;
    store.close().await;
    seeded
}
