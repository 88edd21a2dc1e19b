//! Far more concurrent password checks than cores, at the real cost of a hash. (Row 26 of the fault table; the
//! benchmarks compare the throughput with that of the hash alone.)

use serde_json::json;

use userd_test_support::http_client::{HttpConnection, PASSWORD, fetch, get, json_request, sign_up};
use userd_test_support::stores::run_concurrently;
use userd_test_support::userd_process::UserdCommand;

const WORKERS: u64 = 2;

const CHECKS: usize = 300;

/// The memory of one hash by default.
const HASH_KIB: u64 = 19 * 1024;

/// For three hundred connections and requests in flight in a debug build.
const SLACK_KIB: u64 = 16 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_password_checks_is_served_or_refused_within_its_memory_and_look_ups_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let workers = WORKERS.to_string();
    let serving = UserdCommand::in_folder(folder.path()).set("hash.workers", &workers).without_rate_limits().start();
    let address = serving.address();
    let base = serving.memory_kib();
    let id = fetch(address, &sign_up("ada@example.org")).await.id();
    let path = format!("/api/users/{id}");
    let mut checks = Vec::new();
    for number in 0..CHECKS {
        let mut connection = HttpConnection::to(address).await;
        let right = number % 2 == 0;
        let password = if right { PASSWORD } else { "not her password" };
        let change = json!({"name": "Ada Lovelace", "email": "ada@example.org", "password": password});
        let request = json_request("PUT", &path, &change);
        checks.push(async move { (right, connection.fetch(&request).await.expect("an answer")) });
    }
    let look_ups = async {
        let mut connection = HttpConnection::to(address).await;
        for _ in 0..100 {
            assert_eq!(connection.fetch(&get(&path)).await.expect("an answer").status, 200);
        }
    };
    let (answers, ()) = tokio::join!(run_concurrently(checks), look_ups);
    let (mut served, mut refused) = (0, 0);
    for (right, answer) in answers {
        match answer.status {
            503 => {
                assert!(answer.is_retryable_503(), "{answer:?}");
                refused += 1;
            }
            200 | 409 | 412 if right => served += 1,
            401 if !right => served += 1,
            _ => panic!("right password: {right}, {answer:?}"),
        }
    }
    assert!(served > 0 && refused > 0, "{served} served, {refused} refused");
    let (peak, most) = (serving.memory_peak_kib(), base + WORKERS * HASH_KIB + SLACK_KIB);
    assert!(peak <= most, "{peak} KiB at most, {base} before: more than {most}");
}
