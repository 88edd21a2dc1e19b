//! `userd health`, the health check for containers without a shell.

use std::process::Output;

use userd_test_support::redis_server::free_port;
use userd_test_support::userd_process::UserdCommand;

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn health_distinguishes_a_live_process_from_one_with_a_working_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path());
    let away = format!("redis://127.0.0.1:{}/0", free_port());
    let (whole, cut_off) = (launch.start(), launch.clone().store(&away).start());

    let fetch = |address, args: &[&str]| {
        let url = format!("http://{address}");
        said(&launch.run(&[&["health", "--url", &url], args].concat()))
    };
    assert_eq!(fetch(whole.address(), &[]), (Some(0), "ready\n".to_owned(), String::new()));
    assert_eq!(fetch(whole.address(), &["--live"]), (Some(0), "live\n".to_owned(), String::new()));
    assert_eq!(fetch(cut_off.address(), &["--live"]), (Some(0), "live\n".to_owned(), String::new()));
    let (code, out, err) = fetch(cut_off.address(), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.ends_with("/health/ready answers 503\n"), "{err}");
}

#[test]
fn health_explains_a_missing_server_and_an_unknown_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path());
    let unused = format!("http://127.0.0.1:{}", free_port());
    let (code, out, err) = said(&launch.run(&["health", "--url", &unused]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("does not answer") && err.contains("refused"), "{err}");
    // `UserdCommand` listens on port 0.
    let (code, _, err) = said(&launch.run(&["health"]));
    assert!(code == Some(2) && err.contains("--url http://127.0.0.1:PORT"), "{err}");
    let (code, _, err) = said(&launch.run(&["health", "--url", "https://accounts.example.org"]));
    assert!(code == Some(2) && err.contains("write http://HOST:PORT"), "{err}");
}
