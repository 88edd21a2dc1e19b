//! Many concurrent sign-ups for one e-mail, at several real userd. (Row 1 of the fault table.)

use std::net::SocketAddr;

use userd_test_support::http_client::{HttpConnection, sign_up};
use userd_test_support::load::users_count;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::stores::{audit_database, run_concurrently};
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

const ROUNDS: usize = 3;
const RIVALS: usize = 100;

/// In each round exactly one of the sign-ups, spread over the addresses, is answered 200 and all others 409.
async fn race(addresses: &[SocketAddr]) {
    for round in 0..ROUNDS {
        let mut rivals = Vec::new();
        for number in 0..RIVALS {
            let mut connection = HttpConnection::to(addresses[number % addresses.len()]).await;
            // Spellings of one address, in turn.
            let email = ["Round", "ROUND", "round"][number % 3];
            let request = sign_up(&format!("{email}-{round}@example.org"));
            rivals.push(async move { connection.fetch(&request).await.expect("an answer") });
        }
        let answers = run_concurrently(rivals).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "round {round}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.status, 409, "round {round}: {}", answer.text());
        }
        for &address in addresses {
            assert_eq!(users_count(address).await, round + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sign_ups_at_three_userd_on_one_redis_exactly_one_wins_each_round() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let launch = UserdCommand::in_folder(folder.path()).redis(&server).cheap_hashes();
    let servings = [launch.start(), launch.start(), launch.start()];
    race(&servings.each_ref().map(UserdProcess::address)).await;
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sign_ups_on_the_embedded_store_exactly_one_wins_each_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = UserdCommand::in_folder(folder.path()).cheap_hashes().start();
    race(&[serving.address()]).await;
    let database = folder.path().join("userd-data").join("userd.db");
    assert_eq!(audit_database(&database).expect("a database"), Vec::<String>::new());
}
