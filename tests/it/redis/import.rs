//! Imports that find what an aborted import left: its operation may have been marked DEAD, and a dead operation must
//! never be reused.

use std::sync::Arc;

use userd_core::{Actor, User};
use userd_store::{AccountRecord, CreateUserOutcome, ImportOutcome, ImportStore, Store};
use userd_store_redis::RedisStore;

use super::{keys, setup};
use userd_core::random::SystemRandom;
use userd_test_support::fixtures::{NOW, new_user_with, parse_email};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::session_fixtures::LIMITS;

async fn import(store: &RedisStore, user: &User) -> ImportOutcome {
    let batch = Arc::from([AccountRecord { user: user.clone(), sessions: Vec::new() }]);
    let came = store.import_users(batch, &LIMITS, Actor::anonymous(), NOW).await.expect("served");
    came.into_iter().next().expect("an answer")
}

fn new_account(email: &str) -> User {
    new_user_with("Eve", parse_email(email), NOW, &SystemRandom)
}

fn put(server: &RedisServer, words: &[&str]) {
    server.command(words);
}

#[tokio::test]
async fn a_user_whose_import_was_aborted_is_imported_by_the_next_attempt() {
    let (server, store, _) = setup().await;
    let eve = new_account("eve@example.org");
    put(&server, &["HSET", &keys().user(eve.id), "st", "X", "ver", "4102444800000"]);
    put(&server, &["PEXPIRE", &keys().user(eve.id), "86400000"]);
    assert_eq!(import(&store, &eve).await, ImportOutcome::Imported);
    let ver = server.text(&["HGET", &keys().user(eve.id), "ver"]);
    assert_eq!(ver, "4102444800001", "greater than all before it");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_user_deleted_here_does_not_come_back_by_an_import() {
    let (server, store, ada) = setup().await;
    store.delete_user(ada.id, ada.version, Actor::anonymous(), NOW).await.expect("served");
    assert_eq!(import(&store, &ada).await, ImportOutcome::RecentlyDeleted);
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_claim_that_may_have_been_aborted_is_never_reused() {
    let (server, store, _) = setup().await;
    let eve = new_account("eve@example.org");
    let claim = keys().claim(eve.email.canonical());
    let left = format!("{}:1", eve.id);
    put(&server, &["SET", &claim, &left]);
    assert_eq!(import(&store, &eve).await, ImportOutcome::Imported);
    let now = server.text(&["GET", &claim]);
    assert!(now.starts_with(&eve.id.to_string()) && now != left, "{now}");
    let rival = new_account("eve@example.org");
    assert_eq!(store.create_user(&rival, Actor::anonymous()).await.expect("served"), CreateUserOutcome::EmailTaken);
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pending_record_with_other_values_is_overwritten_once_it_is_overdue() {
    let (server, store, _) = setup().await;
    let eve = new_account("eve@example.org");
    let record = keys().user(eve.id);
    let till = NOW.plus_millis(10_000).as_millis().to_string();
    let fields =
        ["st", "P", "ver", "7", "rev", "1", "eop", "7", "email", "old@example.org", "by", "other", "till", &till];
    put(&server, &[&["HSET", &record], &fields[..]].concat());
    assert!(matches!(import(&store, &eve).await, ImportOutcome::Unavailable(_)), "another import may be at it");
    put(&server, &["HSET", &record, "till", "1"]);
    assert_eq!(import(&store, &eve).await, ImportOutcome::Imported);
    assert_eq!(store.user(eve.id).await.expect("served"), Some(eve));
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}
