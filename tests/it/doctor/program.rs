//! `userd doctor` at a terminal and in a script, on both stores and while userd serves; and the background check of a
//! serving userd.

use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::Value;
use userd_core::CanonicalEmail;
use userd_store_redis::layout::KeyLayout;

use userd_test_support::http_client::{fetch, sign_up};
use userd_test_support::redis_server::{RedisServer, free_port};
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

fn doctor(folder: &Path, store: &str, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_userd"))
        .args(["doctor", "--store", store])
        .args(flags)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program can be started")
}

/// Exit code and report of `userd doctor --json`.
fn report(folder: &Path, store: &str, flags: &[&str]) -> (Option<i32>, Value) {
    let output = doctor(folder, store, &[&["--json"], flags].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the output is UTF-8")
}

async fn with_two_users(launch: &UserdCommand) -> UserdProcess {
    let serving = launch.start();
    for email in ["ada@example.org", "bob@example.org"] {
        assert_eq!(fetch(serving.address(), &sign_up(email)).await.status, 200);
    }
    serving
}

fn claim(email: &str) -> String {
    KeyLayout::with_prefix("userd:".to_owned()).claim(&CanonicalEmail::from_stored(email.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn on_redis_the_exit_code_tells_the_outcome_while_userd_serves() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server).set("doctor.background", "false");
    let serving = with_two_users(&launch).await;
    let (folder, url) = (folder.path(), server.url());
    let (code, found) = report(folder, &url, &[]);
    assert_eq!((code, &found["users"], &found["complete"]), (Some(0), &2.into(), &true.into()), "{found}");
    assert_eq!((&found["findings"], &found["error"]), (&Value::Array(vec![]), &Value::Null));

    server.command(&["DEL", &claim("ada@example.org")]);
    let (code, found) = report(folder, &url, &[]);
    assert_eq!((code, &found["repairable"]), (Some(3), &1.into()), "{found}");
    let finding = &found["findings"][0];
    assert_eq!((&finding["kind"], &finding["state"]), (&"missing-claim".into(), &"repairable".into()));
    assert!(finding["user"].as_str().is_some_and(|id| id.len() == 36), "{finding}");
    let output = doctor(folder, &url, &[]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{table}");
    assert!(
        table.contains("repairable    missing-claim") && table.contains("2 users checked, 1 repairable"),
        "{table}"
    );
    assert!(!table.contains("ada@example.org") && output.stderr.is_empty(), "{table}");

    let (code, found) = report(folder, &url, &["--repair", "--rate", "0"]);
    assert_eq!((code, &found["repaired"]), (Some(0), &1.into()), "{found}");
    assert_eq!(report(folder, &url, &[]).0, Some(0));

    server.command(&["DEL", &claim("ada@example.org")]);
    server.command(&["SET", &claim("bob@example.org"), "no-user"]);
    assert_eq!(report(folder, &url, &[]).0, Some(4), "a person wins over a repair");
    assert_eq!(report(folder, &url, &["--repair"]).0, Some(4));
    let found = report(folder, &url, &[]).1;
    assert_eq!((&found["repairable"], &found["manual"]), (&0.into(), &2.into()), "{found}");
    assert_eq!(serving.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_it_checks_while_userd_serves_and_repairs_when_that_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving =
        with_two_users(&UserdCommand::in_folder(folder.path()).cheap_hashes().set("doctor.background", "false")).await;
    let (folder, store) = (folder.path(), "sqlite:./userd-data/userd.db");
    assert_eq!(report(folder, store, &[]).0, Some(0));
    let database = Connection::open(folder.join("userd-data/userd.db")).expect("the file");
    database.execute("UPDATE meta SET value = 5 WHERE key = 'users_count'", []).expect("it can be written");
    drop(database);
    let (code, found) = report(folder, store, &[]);
    assert_eq!((code, &found["users"], &found["findings"][0]["kind"]), (Some(3), &2.into(), &"count-mismatch".into()));
    let output = doctor(folder, store, &["--repair"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    assert!(text(&output.stderr).contains("is being served by another userd (process "), "{}", text(&output.stderr));
    assert_eq!(serving.stop().0, Some(0));
    assert_eq!(report(folder, store, &["--repair"]).0, Some(0));
    assert_eq!(report(folder, store, &[]).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_store_ends_with_1_and_a_usage_error_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let away = format!("redis://127.0.0.1:{}/0", free_port());
    for store in [away.as_str(), "sqlite:./none.db"] {
        for flags in [&[][..], &["--repair"], &["--json"]] {
            let output = doctor(folder.path(), store, flags);
            assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{store} {flags:?}");
            assert!(text(&output.stderr).starts_with("userd doctor: "), "{}", text(&output.stderr));
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder is there").count(), 0, "nothing is made");
    for flags in [&["--rate", "many"][..], &["--mend"]] {
        assert_eq!(doctor(folder.path(), "sqlite:./none.db", flags).status.code(), Some(2), "{flags:?}");
    }
    assert_eq!(doctor(folder.path(), "postgres://x", &[]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serving_userd_checks_repairs_and_logs_in_the_background() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server).set("doctor.pause_s", "1");
    let mut serving = with_two_users(&launch).await;
    server.command(&["DEL", &claim("ada@example.org")]);
    server.command(&["SET", &claim("bob@example.org"), "nobody's"]);
    let line = serving.wait_for_log_line("the doctor repaired a finding");
    assert!(line.contains("WARN") && line.contains("missing-claim"), "{line}");
    let line = serving.wait_for_log_line("the doctor found something that requires manual action");
    assert!(line.contains("ERROR"), "{line}");
    serving.wait_for_log_line("the doctor has checked every user");
    serving.wait_for_log_line("the doctor found something that requires manual action");
    assert_eq!(report(folder.path(), &server.url(), &[]).1["repairable"], 0);
    let log = serving.log();
    let whole = log.lines().filter(|line| line.contains("doctor") && (line.contains("ada@") || line.contains("bob@")));
    assert_eq!(whole.collect::<Vec<_>>(), Vec::<&str>::new());
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serving_userd_without_repair_only_reports() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server);
    let mut serving = with_two_users(&launch.set("doctor.pause_s", "1").set("doctor.repair", "false")).await;
    server.command(&["DEL", &claim("ada@example.org")]);
    for _ in 0..2 {
        serving.wait_for_log_line("the doctor found something that `userd doctor --repair` fixes");
    }
    assert_eq!(report(folder.path(), &server.url(), &[]).0, Some(3));
    assert_eq!(serving.stop().0, Some(0));
}
