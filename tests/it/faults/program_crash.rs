//! The real userd killed again and again during sign-ups. (Row 18 of the fault table; on Redis, where a change has
//! several steps, see `program_protocol`.)

use userd_core::random::{Random, SeededRandom};

use userd_test_support::load::{LoadGenerator, assert_all_present, count_complete, users_count};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::run_scale::scaled;
use userd_test_support::stores::audit_database;
use userd_test_support::userd_process::UserdCommand;

/// How often it is killed, also in the long form.
const KILLS: (usize, usize) = (10, 100);

const CLIENTS: usize = 16;

/// Kills and starts userd again and again, and then looks for all users.
///
/// Each kill comes after a number of acknowledged sign-ups that `seed` decides; where it interrupts the commits of the
/// sixteen others is random.
async fn kill_again_and_again(launch: &UserdCommand, seed: u64) {
    let random = SeededRandom::from_seed(seed);
    let (mut acknowledged, mut unanswered) = (Vec::new(), Vec::new());
    for round in 0..scaled(KILLS.0, KILLS.1) {
        let mut serving = launch.start();
        assert_all_present(serving.address(), &acknowledged[acknowledged.len().saturating_sub(200)..]).await;
        let load = LoadGenerator::start(serving.address(), CLIENTS, &format!("load-{round}"));
        let mut byte = [0];
        random.fill(&mut byte);
        load.wait_until_more_acknowledged(1 + usize::from(byte[0]) / 4).await;
        serving.kill();
        let tally = load.wait_until_server_is_gone().await;
        tally.assert_only_expected_responses();
        acknowledged.extend(tally.acknowledged);
        unanswered.extend(tally.unanswered);
    }
    assert!(!unanswered.is_empty(), "some sign-ups were under way");
    let serving = launch.start();
    assert_all_present(serving.address(), &acknowledged).await;
    let more = count_complete(serving.address(), &unanswered).await;
    assert_eq!(users_count(serving.address()).await, acknowledged.len() + more);
    assert_eq!(serving.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn userd_killed_during_sign_ups_on_the_embedded_store_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    kill_again_and_again(&UserdCommand::in_folder(folder.path()).cheap_hashes(), 18).await;
    let database = folder.path().join("userd-data").join("userd.db");
    assert_eq!(audit_database(&database).expect("a database"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn userd_killed_during_sign_ups_on_redis_loses_nothing_acknowledged() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    kill_again_and_again(&UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes(), 81).await;
    assert_eq!(audit(&server, "userd:").contradictions, Vec::<String>::new());
}
