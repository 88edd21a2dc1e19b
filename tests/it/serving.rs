//! The real program as a server: its banner, its logs, its end.

use userd_test_support::http_client::{fetch, get, status_of};
use userd_test_support::userd_process::UserdCommand;

#[tokio::test]
async fn started_without_more_it_serves_says_where_and_ends_with_0_on_sigterm() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut serving = UserdCommand::in_folder(folder.path()).start();
    let address = serving.address();
    assert!(serving.wait_for_log_line("users are kept in").contains("sqlite:./userd-data/userd.db"));
    assert!(serving.wait_for_log_line("curl -i").contains(&format!("http://{address}/api/users")));
    assert_eq!(fetch(address, &get("/ping")).await.text(), "PONG!");
    assert_eq!(status_of(address, "/health/ready").await, 200);
    let (code, rest) = serving.stop();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("userd::access"), "{rest}");
}

#[tokio::test]
async fn json_logs_have_one_object_per_line_and_no_email_address() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut serving = UserdCommand::in_folder(folder.path()).flags(&["serve", "--log", "json"]).spawn();
    let line: serde_json::Value =
        serde_json::from_str(&serving.wait_for_log_line("userd serves")).expect("a line is JSON");
    let address = line["address"].as_str().expect("the banner has the address");
    let address = address.parse().expect("an address with a port");
    assert_eq!(status_of(address, "/api/users/ada@example.org").await, 404);
    let (code, rest) = serving.stop();
    assert_eq!(code, Some(0), "{rest}");
    for line in rest.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(rest.contains("userd::access") && !rest.contains("ada@"), "{rest}");
}

#[test]
fn a_failed_start_logs_the_reason_and_exits_with_1() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let _first = UserdCommand::in_folder(folder.path()).start();
    let mut second = UserdCommand::in_folder(folder.path()).spawn();
    second.wait_for_log_line("userd ends: can't open the store: ");
    assert_eq!(second.wait(), Some(1));
}
