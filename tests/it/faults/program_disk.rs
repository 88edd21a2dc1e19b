//! The real userd on a full disk, its own or its Redis's. (Row 15 of the fault table; the embedded store by itself is
//! tested in `sqlite_disk`.)

use std::fs;

use userd_test_support::http_client::{fetch, sign_up, status_of, wait_for_status, wait_until_signed_up};
use userd_test_support::load::{LoadGenerator, assert_all_present, count_complete};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::small_disk::{ballast, on_small_disk};
use userd_test_support::stores::audit_database;
use userd_test_support::userd_process::UserdCommand;

/// Room for a whole write-ahead log of 4 MB and the database.
const DISK_BYTES: usize = 8 * 1024 * 1024;

/// The size of a file on it, until it is removed; some hundred users fill the rest.
const BALLAST_BYTES: usize = 6_500 * 1024;

const CLIENTS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_sign_ups_are_refused_reads_go_on_and_nothing_acknowledged_is_lost() {
    let name = "faults::program_disk::\
                on_a_full_disk_sign_ups_are_refused_reads_go_on_and_nothing_acknowledged_is_lost";
    let Some(disk) = on_small_disk(name, DISK_BYTES) else { return };
    let ballast = ballast(&disk, BALLAST_BYTES);
    let (folder, path) = (tempfile::tempdir().expect("a folder"), disk.join("data").join("userd.db"));
    let launch = UserdCommand::in_folder(folder.path()).store(&format!("sqlite:{}", path.display())).cheap_hashes();
    let mut serving = launch.start();
    let load = LoadGenerator::start(serving.address(), CLIENTS, "load");
    load.wait_until_more_refused(50).await;
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert!(tally.acknowledged.len() > 50, "{:?}", tally.statuses);
    assert_eq!(status_of(serving.address(), "/health/ready").await, 503);
    assert_eq!(status_of(serving.address(), "/health/live").await, 200);
    assert_all_present(serving.address(), &tally.acknowledged).await;
    let line = serving.wait_for_log_line("full");
    assert!(line.contains("ERROR") || line.contains("WARN"), "{line}");
    fs::remove_file(ballast).expect("it is ours");
    wait_for_status(serving.address(), "/health/ready", 200).await;
    wait_until_signed_up(serving.address(), "late@example.org").await;
    serving.kill();
    let serving = launch.start();
    assert_all_present(serving.address(), &tally.acknowledged).await;
    assert_eq!(fetch(serving.address(), &sign_up("late@example.org")).await.status, 409);
    assert_eq!(audit_database(&path).expect("a database"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_redis_with_a_full_disk_requests_are_refused_and_nothing_acknowledged_is_lost() {
    let name = "faults::program_disk::\
                on_a_redis_with_a_full_disk_requests_are_refused_and_nothing_acknowledged_is_lost";
    let Some(disk) = on_small_disk(name, DISK_BYTES) else { return };
    let ballast = ballast(&disk, BALLAST_BYTES);
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = RedisServer::start_with(&["--dir", &disk.to_string_lossy(), "--appendfsync", "always"]);
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().set("redis.timeout_ms", "300");
    let serving = launch.start();
    let load = LoadGenerator::start(serving.address(), CLIENTS, "load");
    // With `always`, a Redis that can't write its file ends rather than acknowledge what it may lose.
    load.wait_until_more_refused(50).await;
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert!(tally.acknowledged.len() > 50, "{:?}", tally.statuses);
    assert!(fetch(serving.address(), &sign_up("early@example.org")).await.is_retryable_503());
    server.kill();
    fs::remove_file(ballast).expect("it is ours");
    server.start_again();
    wait_for_status(serving.address(), "/health/ready", 200).await;
    wait_until_signed_up(serving.address(), "late@example.org").await;
    assert_all_present(serving.address(), &tally.acknowledged).await;
    count_complete(serving.address(), &tally.unanswered).await;
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}

/// With `everysec`, a Redis that can't write its file goes on serving reads, and takes writes again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_redis_with_a_full_disk_and_everysec_reads_go_on_and_writes_come_back_without_a_restart() {
    let name = "faults::program_disk::\
                on_a_redis_with_a_full_disk_and_everysec_reads_go_on_and_writes_come_back_without_a_restart";
    let Some(disk) = on_small_disk(name, DISK_BYTES) else { return };
    let ballast = ballast(&disk, BALLAST_BYTES);
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = RedisServer::start_with(&["--dir", &disk.to_string_lossy(), "--appendfsync", "everysec"]);
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes().set("redis.timeout_ms", "300");
    let serving = launch.start();
    let load = LoadGenerator::start(serving.address(), CLIENTS, "load");
    load.wait_until_more_refused(50).await;
    let tally = load.stop().await;
    tally.assert_only_expected_responses();
    assert!(tally.acknowledged.len() > 50, "{:?}", tally.statuses);
    assert!(fetch(serving.address(), &sign_up("early@example.org")).await.is_retryable_503());
    wait_for_status(serving.address(), "/health/ready", 503).await;
    assert_eq!(status_of(serving.address(), "/health/live").await, 200);
    assert_all_present(serving.address(), &tally.acknowledged).await;
    fs::remove_file(ballast).expect("it is ours");
    wait_for_status(serving.address(), "/health/ready", 200).await;
    wait_until_signed_up(serving.address(), "late@example.org").await;
    // What it had held back has been written meanwhile.
    server.kill();
    server.start_again();
    wait_for_status(serving.address(), "/health/ready", 200).await;
    assert_all_present(serving.address(), &tally.acknowledged).await;
    count_complete(serving.address(), &tally.unanswered).await;
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}
