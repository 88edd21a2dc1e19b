//! The real userd while its Redis dies, freezes, pauses, has no memory left, or has not started yet. (Rows 7, 12
//! and 13 of the fault table; the same below the HTTP layer is in `redis_server`.)

use std::fs;

use serde_json::json;

use userd_test_support::http_client::{
    delete, fetch, get, json_request, sign_up, status_of, wait_for_status, wait_until_signed_up,
};
use userd_test_support::load::{LoadGenerator, assert_all_present, count_complete, users_count};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::{RedisServer, free_port};
use userd_test_support::userd_process::UserdCommand;

const CLIENTS: usize = 32;

/// What the memory may grow by while Redis gives no answers: a queue that grows would take more.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_killed_under_load_costs_refusals_while_it_is_away_and_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = RedisServer::start_with(&["--appendfsync", "always"]);
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().set("redis.timeout_ms", "300");
    let serving = launch.start();
    let load = LoadGenerator::start(serving.address(), CLIENTS, "load");
    for _ in 0..2 {
        load.wait_until_more_acknowledged(100).await;
        server.kill();
        load.wait_until_more_refused(50).await;
        assert_eq!(status_of(serving.address(), "/health/live").await, 200);
        assert_eq!(status_of(serving.address(), "/health/ready").await, 503);
        server.start_again();
    }
    load.wait_until_more_acknowledged(100).await;
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert_eq!(tally.unanswered, Vec::<String>::new(), "every request has its answer");
    assert_all_present(serving.address(), &tally.acknowledged).await;
    assert!(users_count(serving.address()).await >= tally.acknowledged.len());
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_or_paused_redis_costs_bounded_refusals_and_no_memory() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().set("redis.timeout_ms", "300");
    let serving = launch.start();
    let address = serving.address();
    let load = LoadGenerator::start(address, CLIENTS, "load");
    load.wait_until_more_acknowledged(100).await;
    let before = serving.memory_kib();
    server.freeze();
    // About seven rounds of refusals, each a whole time-out long.
    load.wait_until_more_refused(7 * CLIENTS).await;
    assert_eq!(status_of(address, "/health/live").await, 200);
    assert_eq!(status_of(address, "/health/ready").await, 503);
    assert!(fetch(address, &get("/api/users/unknown@example.org")).await.is_retryable_503());
    server.thaw();
    load.wait_until_more_acknowledged(100).await;
    wait_for_status(address, "/health/ready", 200).await;
    server.command(&["CLIENT", "PAUSE", "2000", "ALL"]);
    load.wait_until_more_refused(3 * CLIENTS).await;
    assert_eq!(status_of(address, "/health/live").await, 200);
    load.wait_until_more_acknowledged(100).await;
    wait_for_status(address, "/health/ready", 200).await;
    let grown = serving.memory_peak_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more");
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert_eq!(tally.unanswered, Vec::<String>::new(), "every request has its answer");
    assert_all_present(address, &tally.acknowledged).await;
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_memory_refuses_sign_ups_and_still_finds_and_deletes() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let serving = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().start();
    let address = serving.address();
    let load = LoadGenerator::start(address, CLIENTS, "load");
    load.wait_until_more_acknowledged(50).await;
    // In the middle of sign-ups: some find no memory between two of their steps.
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    load.wait_until_more_refused(50).await;
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert!(fetch(address, &sign_up("new@example.org")).await.is_retryable_503());
    assert_all_present(address, &tally.acknowledged).await;
    let (leaving, id) = &tally.acknowledged[0];
    let wrong = json_request("DELETE", &format!("/api/users/{id}"), &json!({"password": "not the password"}));
    assert_eq!(fetch(address, &wrong).await.status, 401);
    assert_eq!(fetch(address, &delete(id)).await.status, 200);
    assert_eq!(status_of(address, &format!("/api/users/{leaving}")).await, 404);
    let claims = server.texts(&["KEYS", &format!("*:claim:{leaving}")]);
    assert_eq!(claims, Vec::<String>::new(), "cleaning up works without memory");
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
    server.command(&["CONFIG", "SET", "maxmemory", "256mb"]);
    assert_eq!(wait_until_signed_up(address, leaving).await.status, 200);
    assert_all_present(address, &tally.acknowledged[1..]).await;
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_at_the_start_is_served_from_once_it_is_there() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let launch = UserdCommand::in_folder(folder.path()).store(&format!("redis://127.0.0.1:{port}/0")).cheap_hashes();
    let serving = launch.set("redis.timeout_ms", "300").start();
    let address = serving.address();
    assert_eq!(status_of(address, "/health/live").await, 200);
    assert_eq!(status_of(address, "/health/ready").await, 503);
    assert!(fetch(address, &sign_up("ada@example.org")).await.is_retryable_503());
    let _server = RedisServer::start_on(port);
    wait_for_status(address, "/health/ready", 200).await;
    let ada = wait_until_signed_up(address, "ada@example.org").await.id();
    assert_eq!(count_complete(address, &["ada@example.org".to_owned()]).await, 1);
    assert_eq!(status_of(address, &format!("/api/users/{ada}")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_env_file_of_the_tutorial_connects_to_a_redis_with_a_password() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let env = format!("REDIS_ADDRESS=127.0.0.1\nREDIS_PORT={port}\nREDIS_DB=3\nREDIS_PASSWORD=\"s3cret: # word\"\n");
    fs::write(folder.path().join(".env"), env).expect("a file");
    let server = RedisServer::start_at(port, &["--requirepass", "s3cret: # word"]);
    let mut serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    let line = serving.wait_for_log_line("users are kept in");
    assert!(line.contains(&format!("127.0.0.1:{port}")) && !line.contains("s3cret"), "{line}");
    assert_eq!(status_of(serving.address(), "/health/ready").await, 200);
    assert_eq!(fetch(serving.address(), &sign_up("ada@example.org")).await.status, 200);
    assert!(!serving.log().contains("s3cret"), "no password in the log");
    let mut client = redis::Client::open(format!("redis://:s3cret%3A%20%23%20word@127.0.0.1:{port}/3"))
        .and_then(|client| client.get_connection())
        .expect("the password is right");
    let keys: Vec<String> = redis::cmd("KEYS").arg("userd:*").query(&mut client).expect("an answer");
    assert!(keys.iter().any(|key| key.ends_with("claim:ada@example.org")), "{keys:?}");
    drop(server);
    fs::write(folder.path().join(".env"), format!("REDIS_ADDRESS=127.0.0.1\nREDIS_PORT={port}\n")).expect("a file");
    let _server = RedisServer::start_at(port, &["--requirepass", "another"]);
    let mut refused = UserdCommand::in_folder(folder.path()).spawn();
    let line = refused.wait_for_log_line("userd ends: ");
    assert!(line.contains("password"), "{line}");
    assert_eq!(refused.wait(), Some(1));
}
