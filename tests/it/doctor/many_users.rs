//! A check of a hundred thousand users in constant memory.

use userd_core::clock::ManualClock;
use userd_core::random::{Random, SystemRandom};
use userd_core::{CanonicalEmail, Email, User, UserId};
use userd_store_redis::layout::{KeyLayout, Shard};

use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::userd_process::UserdCommand;

const USERS: usize = 100_000;

/// Users planted at once.
const BATCH: usize = 2000;

/// Far above what the check holds, far below what all users would take.
const GROWTH_KIB_MAX: u64 = 60 * 1024;

/// Writes users in the stored format, around the store: signing each of them up would take minutes.
fn plant(server: &RedisServer, count: usize) {
    let keys = KeyLayout::with_prefix("userd:".to_owned());
    let template = new_user(&ManualClock::at(NOW), "template@example.org");
    let client = redis::Client::open(server.url()).expect("an address");
    let mut connection = client.get_connection().expect("the server is there");
    for batch in 0..count / BATCH {
        let mut pipeline = redis::pipe();
        for number in 0..BATCH {
            let email = format!("person-{batch}-{number}@example.org");
            let mut bytes = [0; 10];
            SystemRandom.fill(&mut bytes);
            let user = User {
                id: UserId::generate(NOW, bytes),
                email: Email::from_stored(email.clone(), CanonicalEmail::from_stored(email)),
                ..template.clone()
            };
            write(&mut pipeline, &keys, &user);
        }
        pipeline.query::<()>(&mut connection).expect("the server takes it");
    }
}

fn write(pipeline: &mut redis::Pipeline, keys: &KeyLayout, user: &User) {
    let (id, email, shard) = (user.id.to_string(), user.email.canonical().as_str(), Shard::of_user(user.id));
    let (salt, hash) = user.password_hash.as_str().rsplit_once('$').expect("a PHC string");
    pipeline.cmd("HSET").arg(keys.user(user.id));
    for (field, value) in [("st", "A"), ("ver", "1"), ("rev", "1"), ("eop", "1"), ("email", email), ("as", "")] {
        pipeline.arg(field).arg(value);
    }
    for (field, value) in [("name", user.name.as_str()), ("salt", salt), ("hash", hash), ("made", "1"), ("upd", "1")] {
        pipeline.arg(field).arg(value);
    }
    pipeline.cmd("SET").arg(keys.claim(user.email.canonical())).arg(format!("{id}:1"));
    pipeline.cmd("ZADD").arg(keys.users(shard)).arg(0).arg(&id);
    pipeline.cmd("ZADD").arg(keys.emails(shard)).arg(0).arg(format!("{email}\0{id}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_users_are_checked_while_serving_in_constant_memory() {
    let server = RedisServer::start();
    // The marks of the key space must be written before the users.
    drop(store_with_long_timeout(server.settings()).await);
    plant(&server, USERS);
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).redis(&server);
    let mut serving = launch.set("doctor.pause_s", "1").set("doctor.rate_per_s", "1000000").start();
    let before = serving.memory_kib();
    let line = serving.wait_for_log_line("the doctor has checked every user");
    for word in [&format!("users={USERS}"), "repaired=0", "repairable=0", "manual=0"] {
        assert!(line.contains(word), "{line}");
    }
    let grown = serving.memory_peak_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more than before the pass");
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}
