//! Redis servers that were emptied or lost a part of their data, as the store sees them: what it does at the start, and
//! while it serves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use userd_core::clock::ManualClock;
use userd_core::random::SystemRandom;
use userd_core::{Actor, error_chain};
use userd_store::{CheckMode, CreateUserOutcome, FindingKind, FindingState, Store, StoreError};
use userd_store_redis::layout::{KeyLayout, Shard};
use userd_store_redis::{RedisSettings, RedisStore, StoreIdPolicy};

use userd_test_support::damage_kit::{check_store, finding_kinds};
use userd_test_support::fixtures::{NOW, new_user, parse_email};
use userd_test_support::http_client::HANGS_AFTER;
use userd_test_support::redis_cluster::{FailoverMode, RedisCluster};
use userd_test_support::redis_server::{RedisServer, command, wait_for};
use userd_test_support::redis_settings;
use userd_test_support::redis_targets::addresses;

/// How often the stores of these tests look at the id.
const OFTEN: Duration = Duration::from_millis(20);

fn often(settings: RedisSettings) -> RedisSettings {
    RedisSettings { store_id_every: OFTEN, ..settings }
}

async fn start(settings: RedisSettings) -> RedisStore {
    RedisStore::start(often(settings), Arc::new(SystemRandom)).await.expect("the store is whole")
}

async fn refusal(settings: RedisSettings) -> String {
    let refused = RedisStore::start(often(settings), Arc::new(SystemRandom)).await;
    refused.err().expect("the store is refused").to_string()
}

fn keys() -> KeyLayout {
    KeyLayout::with_prefix("userd:".to_owned())
}

/// The id in `meta`, and whether all shards are marked by it.
fn meta(server: &RedisServer) -> (String, String) {
    let fields = server.command(&["HMGET", "userd:meta", "id", "marked"]);
    let (id, marked): (Option<String>, Option<String>) = redis::from_redis_value(fields).expect("two fields");
    (id.unwrap_or_default(), marked.unwrap_or_default())
}

/// The different marks of all shards.
fn marks(server: &RedisServer) -> BTreeSet<Option<String>> {
    let connection = &mut server.connection().expect("the server is there");
    let mut read = redis::cmd("MGET");
    read.arg(Shard::all().map(|shard| keys().store_id(shard)).collect::<Vec<_>>());
    read.query::<Vec<Option<String>>>(connection).expect("a list").into_iter().collect()
}

fn delete_marks(server: &RedisServer, shards: impl Iterator<Item = Shard>) {
    let connection = &mut server.connection().expect("the server is there");
    for shard in shards {
        command(&["DEL", &keys().store_id(shard)]).exec(connection).expect("an answer");
    }
}

fn assert_marked(server: &RedisServer) -> String {
    let (id, marked) = meta(server);
    assert_eq!((id.len(), marked.as_str()), (36, "1"));
    assert_eq!(marks(server), BTreeSet::from([Some(id.clone())]));
    id
}

/// Waits until the store is unavailable for a reason with these words.
async fn wait_until_refused(store: &RedisStore, words: &str) -> String {
    let refused = async {
        loop {
            match store.check_health().await {
                Err(error) if error_chain(&error).contains(words) => return error_chain(&error),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(HANGS_AFTER, refused).await.unwrap_or_else(|_| panic!("never refused: {words}"))
}

async fn wait_until_healthy(store: &RedisStore) {
    let healthy = async {
        while store.check_health().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS_AFTER, healthy).await.expect("the store recovers");
}

async fn signed_up(store: &RedisStore, email: &str) {
    let user = new_user(&ManualClock::at(NOW), email);
    let outcome = store.create_user(&user, Actor::anonymous()).await.expect("served");
    assert_eq!(outcome, CreateUserOutcome::Created, "{email}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_start_at_once_agree_on_one_id() {
    let server = RedisServer::start();
    let stores = future::join_all((0..6).map(|_| start(server.settings()))).await;
    let id = assert_marked(&server);
    for store in &stores {
        store.check_health().await.expect("all of them have the id");
    }
    drop(start(server.settings()).await);
    assert_eq!(assert_marked(&server), id, "a later start keeps it");
}

#[tokio::test]
async fn a_store_without_an_id_gets_one_and_an_interrupted_marking_is_finished() {
    let server = RedisServer::start();
    signed_up(&start(server.settings()).await, "ada@example.org").await;
    let first = assert_marked(&server);
    // As userd before the store id left it.
    server.command(&["HDEL", "userd:meta", "id", "marked"]);
    delete_marks(&server, Shard::all());
    let store = start(server.settings()).await;
    let second = assert_marked(&server);
    assert_ne!(first, second);
    assert!(store.user_by_email(parse_email("ada@example.org").canonical()).await.expect("served").is_some());
    // As a crash leaves it: after the id, after some marks, after all of them.
    for unmarked in [1024, 300, 0] {
        server.command(&["HDEL", "userd:meta", "marked"]);
        delete_marks(&server, Shard::all().skip(1024 - unmarked));
        drop(start(server.settings()).await);
        assert_eq!(assert_marked(&server), second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_not_be_marked_serves_and_is_marked_once_it_can() {
    let server = RedisServer::start();
    drop(start(server.settings()).await);
    server.command(&["HDEL", "userd:meta", "id", "marked"]);
    delete_marks(&server, Shard::all());
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let store = start(server.settings()).await;
    assert_eq!(store.users_count().await.expect("look-ups are served"), 0);
    assert_eq!(meta(&server), (String::new(), String::new()));
    server.command(&["CONFIG", "SET", "maxmemory", "256mb"]);
    wait_for("the store is marked", || meta(&server).1 == "1");
    assert_marked(&server);
}

#[tokio::test]
async fn a_lost_shard_is_refused_at_the_start_reported_by_the_doctor_and_accepted_by_name() {
    let server = RedisServer::start();
    signed_up(&start(server.settings()).await, "ada@example.org").await;
    let id = assert_marked(&server);
    let lost = keys().store_id(Shard::from_number(7));
    for (damage, words) in [
        (vec!["DEL", &lost], "1 of 1024 shards of the store"),
        (vec!["SET", &lost, "another"], "1 of 1024 shards belong to another store than"),
        (vec!["HDEL", "userd:meta", "id", "marked"], "the server with the key meta has lost its data"),
    ] {
        server.command(&damage);
        let sentence = refusal(server.settings()).await;
        assert!(sentence.contains(words) && sentence.contains("Restore the data"), "{sentence}");
        assert!(sentence.contains(&server.port().to_string()) || damage[0] == "HDEL", "{sentence}");
        let reading = RedisSettings { store_id: StoreIdPolicy::Ignore, ..server.settings() };
        let doctor = Arc::new(start(reading).await);
        let report = check_store(&doctor, &Arc::new(ManualClock::at(NOW)), CheckMode::Repair).await;
        assert_eq!(finding_kinds(&report), [(FindingKind::LostShard, FindingState::Manual)], "{damage:?}");
        assert!(report.findings[0].detail.contains(words), "{:?}", report.findings);
        refusal(server.settings()).await;
        drop(start(RedisSettings { allow_incomplete_store: true, ..server.settings() }).await);
        let accepted = start(server.settings()).await;
        assert!(accepted.user_by_email(parse_email("ada@example.org").canonical()).await.expect("served").is_some());
        assert_eq!(assert_marked(&server) == id, damage[0] != "HDEL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_store_is_refused_until_its_data_is_back() {
    let server = RedisServer::start();
    let store = start(server.settings()).await;
    signed_up(&store, "ada@example.org").await;
    let id = assert_marked(&server);
    server.command(&["FLUSHALL"]);
    let sentence = wait_until_refused(&store, "no longer has the data").await;
    assert!(sentence.contains(&id) && sentence.contains("FLUSHALL"), "{sentence}");
    let email = parse_email("ada@example.org");
    assert!(matches!(store.user_by_email(email.canonical()).await, Err(StoreError::Unavailable(_))));
    let again = new_user(&ManualClock::at(NOW), "ada@example.org");
    assert!(matches!(store.create_user(&again, Actor::anonymous()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(server.texts(&["KEYS", "*"]), Vec::<String>::new(), "nothing is written");
    server.command(&["HSET", "userd:meta", "id", "another"]);
    wait_until_refused(&store, "holds another store").await;
    server.command(&["HSET", "userd:meta", "id", &id, "marked", "1"]);
    server.command(&["SET", &keys().store_id(Shard::FIRST), &id]);
    wait_until_healthy(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volatile_store_that_the_operator_allows_begins_anew() {
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let settings = RedisSettings { allow_volatile_store: true, ..server.settings() };
    let (store, another) = (start(settings.clone()).await, start(settings).await);
    signed_up(&store, "ada@example.org").await;
    let id = assert_marked(&server);
    server.command(&["FLUSHALL"]);
    wait_for("the store is marked again", || meta(&server).1 == "1");
    assert_ne!(assert_marked(&server), id);
    wait_until_healthy(&store).await;
    signed_up(&store, "ada@example.org").await;
    wait_until_healthy(&another).await;
    assert!(another.user_by_email(parse_email("ada@example.org").canonical()).await.expect("served").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_node_of_a_cluster_is_refused_and_the_others_are_served() {
    let cluster = RedisCluster::start(3, 0);
    let settings = redis_settings::cluster(addresses(&cluster.ports()));
    let store = start(settings.clone()).await;
    let holder_of_meta = cluster.primary_of_key("userd:meta");
    for emptied in 0..3 {
        let backup = dump(cluster.server(emptied));
        cluster.server(emptied).command(&["FLUSHALL"]);
        let sentence = wait_until_refused(&store, "no longer has the data").await;
        let port = cluster.server(emptied).port().to_string();
        assert!(sentence.contains(&port), "{sentence}");
        let (is_there, clock) = (|id| cluster.primary_of_key(&keys().user(id)) != emptied, ManualClock::at(NOW));
        let mut ids = (0..).map(|number| new_user(&clock, &format!("{number}@example.org")).id);
        let id = ids.find(|id| is_there(*id)).expect("one is on another node");
        assert_eq!(store.user(id).await.expect("the other nodes are served"), None);
        let sentence = refusal(settings.clone()).await;
        let words = if emptied == holder_of_meta { "has lost its data" } else { "have lost their data" };
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!(cluster.server(emptied).texts(&["KEYS", "*store"]), Vec::<String>::new(), "nothing is marked");
        restore(cluster.server(emptied), &backup);
        wait_until_healthy(&store).await;
    }
    drop(start(settings).await);
}

/// Every key of a server with its serialised value.
fn dump(server: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let connection = &mut server.connection().expect("the server is there");
    let dump = |key: String| {
        let value = command(&["DUMP", &key]).query(connection).expect("an answer");
        (key, value)
    };
    server.texts(&["KEYS", "*"]).into_iter().map(dump).collect()
}

fn restore(server: &RedisServer, backup: &[(String, Vec<u8>)]) {
    server.command(&["FLUSHALL"]);
    let connection = &mut server.connection().expect("the server is there");
    for (key, value) in backup {
        redis::cmd("RESTORE").arg(key).arg(0).arg(value).exec(connection).expect("an answer");
    }
}

/// The marks are replicated and moved like any other key.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_of_a_cluster_keeps_the_id() {
    let cluster = RedisCluster::start(3, 1);
    let store = start(redis_settings::cluster(addresses(&cluster.ports()))).await;
    signed_up(&store, "ada@example.org").await;
    let primary = cluster.primary_of_key("userd:meta");
    let replica = cluster.replicas_of(primary)[0];
    wait_for("the replica has the marks", || {
        cluster.server(replica).text(&["DBSIZE"]) == cluster.server(primary).text(&["DBSIZE"])
    });
    cluster.failover(replica, FailoverMode::Coordinated);
    cluster.wait_until_healthy();
    wait_until_healthy(&store).await;
    drop(start(redis_settings::cluster(addresses(&cluster.ports()))).await);
}
