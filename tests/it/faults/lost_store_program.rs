//! The real program on a Redis that is emptied or swapped for another one while it serves: it is no longer ready,
//! answers 503, writes nothing, and recovers when the right store is back.

use std::net::SocketAddr;

use userd_core::random::SystemRandom;
use userd_store_redis::RedisStore;

use userd_test_support::http_client::{fetch, get, sign_up, wait_for_status, wait_until_signed_up};
use userd_test_support::load::LoadGenerator;
use userd_test_support::redis_server::{RedisServer, free_port};
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

fn launch(folder: &std::path::Path, server: &RedisServer) -> UserdCommand {
    UserdCommand::in_folder(folder).redis(server).cheap_hashes().set("redis.timeout_ms", "300")
}

/// Every request is refused for now, the metric says so, and the log has the reason once.
async fn assert_refused(address: SocketAddr, serving: &UserdProcess, words: &str) {
    for request in [get("/api/users/1%40example.org"), sign_up("1@example.org"), get("/health/ready")] {
        let answer = fetch(address, &request).await;
        assert!(answer.is_retryable_503(), "{answer:?}");
        assert!(answer.is_problem(503, "store-unavailable"), "{}", answer.text());
    }
    let metrics = fetch(address, &get("/metrics")).await.text();
    assert!(metrics.contains("\nuserd_store_up 0\n"), "{metrics}");
    let log = serving.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR") && line.contains(words)).collect();
    assert_eq!(errors.len(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_emptied_redis_no_lost_email_can_be_signed_up_again() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let serving = launch(folder.path(), &server).start();
    let address = serving.address();
    let load = LoadGenerator::start(address, 4, "load");
    load.wait_until_more_acknowledged(40).await;
    let before = load.now();
    server.command(&["FLUSHALL"]);
    wait_for_status(address, "/health/ready", 503).await;
    let written = || {
        let mut keys = server.texts(&["KEYS", "*"]);
        keys.sort();
        keys
    };
    let keys = written();
    load.wait_until_more_refused(20).await;
    let after = load.stop().await;
    after.assert_only_expected_responses();
    for (email, id) in &before.acknowledged {
        for request in [sign_up(email), get(&format!("/api/users/{id}"))] {
            let answer = fetch(address, &request).await;
            assert!(answer.is_retryable_503(), "{email}: {answer:?}");
        }
    }
    assert_eq!(written(), keys, "nothing was written any more");
    assert_refused(address, &serving, "no longer has the data of the store").await;
    // Emptied on purpose: another start begins anew.
    assert_eq!(serving.stop().0, Some(0));
    server.command(&["FLUSHALL"]);
    let serving = launch(folder.path(), &server).start();
    wait_until_signed_up(serving.address(), "load-0-0@example.org").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_behind_the_same_address_is_refused_until_the_right_one_is_back() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let mut server = RedisServer::start_on(port);
    let serving = launch(folder.path(), &server).start();
    let address = serving.address();
    let ada = wait_until_signed_up(address, "ada@example.org").await.id();
    let mut log = serving;
    for (is_new, words) in [(true, "no longer has the data of the store"), (false, "holds another store than")] {
        server.kill();
        wait_for_status(address, "/health/ready", 503).await;
        let another = RedisServer::start_on(port);
        if !is_new {
            RedisStore::start(another.settings(), std::sync::Arc::new(SystemRandom)).await.expect("a store of its own");
        }
        let held = another.text(&["DBSIZE"]);
        log.wait_for_log_line(words);
        assert_refused(address, &log, words).await;
        assert_eq!(another.text(&["DBSIZE"]), held, "nothing is written");
        drop(another);
        server.start_again();
        wait_for_status(address, "/health/ready", 200).await;
        let found = fetch(address, &get(&format!("/api/users/{ada}"))).await;
        assert_eq!(found.status, 200, "{}", found.text());
    }
}
