//! Imports that are aborted, and resumed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{err, export, file_of, import, line, setup, words};
use userd_store_redis::layout::SHARD_COUNT;

use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::{RedisServer, wait_for};

/// Several batches.
const USERS: usize = 12_000;

fn spawn(folder: &Path, store: &str, file: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_userd"))
        .args(["import", "--store", store, file])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started")
}

/// How many keys there are, those of pending records included and the marks of the shards left out.
fn keys(server: &RedisServer) -> u64 {
    let all: u64 = server.text(&["DBSIZE"]).parse().unwrap_or_default();
    all.saturating_sub(u64::from(SHARD_COUNT))
}

#[test]
fn killed_and_run_again_every_user_is_in_redis_once() {
    let (server, (folder, launch)) = (RedisServer::start(), setup());
    let (file, launch) = (file_of(folder.path(), USERS), launch.redis(&server));
    for moment in [1_000, 9_000, 16_000] {
        let mut importing = spawn(folder.path(), &server.url(), words(&file));
        wait_for("some users to be written", || {
            keys(&server) >= moment || importing.try_wait().is_ok_and(|ended| ended.is_some())
        });
        let _ = importing.kill();
        let _ = importing.wait();
    }
    let (code, sum) = import(&launch, &[words(&file)]);
    let there = sum["imported"].as_u64().zip(sum["same"].as_u64()).map(|(imported, same)| imported + same);
    assert_eq!((code, there), (Some(0), Some(USERS as u64)), "{sum}");
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
    assert_eq!(export(&launch, &[]).len(), USERS);
}

#[test]
fn killed_and_run_again_every_user_is_in_the_file_once() {
    let (folder, launch) = setup();
    let file = file_of(folder.path(), USERS);
    let log = folder.path().join("userd-data/userd.db-wal");
    let mut importing = spawn(folder.path(), "sqlite:userd-data/userd.db", words(&file));
    wait_for("a batch to be written", || log.metadata().is_ok_and(|log| log.len() > 1 << 20));
    let _ = importing.kill();
    let _ = importing.wait();
    let (code, sum) = import(&launch, &[words(&file)]);
    let there = sum["imported"].as_u64().zip(sum["same"].as_u64()).map(|(imported, same)| imported + same);
    assert_eq!((code, there), (Some(0), Some(USERS as u64)), "{sum}");
    assert_eq!(export(&launch, &[]).len(), USERS);
}

#[test]
fn after_a_signal_it_finishes_the_batch_and_says_where_to_resume() {
    let (server, (folder, launch)) = (RedisServer::start(), setup());
    let mut importing = spawn(folder.path(), &server.url(), "-");
    let mut input = importing.stdin.take().expect("a pipe");
    for number in 0..9_000 {
        writeln!(input, "{}", line(number)).expect("it reads");
    }
    let launch = launch.redis(&server);
    wait_for("a batch to be there", || keys(&server) > 16_384);
    kill_process(Pid::from_child(&importing), Signal::INT).expect("the process is ours");
    let output = importing.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        err(&output).contains("interrupted; run it again: ") && err(&output).contains("--from-line 8193"),
        "{}",
        err(&output)
    );
    drop(input);
    let file = file_of(folder.path(), 9_000);
    // One line later: such a file has a first line that names the format.
    let (code, sum) = import(&launch, &[words(&file), "--from-line", "8194"]);
    assert_eq!((code, &sum["imported"], &sum["file"]), (Some(0), &808.into(), &"complete".into()), "{sum}");
    assert_eq!(export(&launch, &[]).len(), 9_000);
}

#[test]
fn an_import_waits_for_an_unavailable_store() {
    let (mut server, (folder, launch)) = (RedisServer::start(), setup());
    let file = file_of(folder.path(), USERS);
    let mut importing = spawn(folder.path(), &server.url(), words(&file));
    wait_for("some users to be written", || {
        keys(&server) > 2_000 || importing.try_wait().is_ok_and(|ended| ended.is_some())
    });
    server.kill();
    server.start_again();
    let output = importing.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let launch = launch.redis(&server);
    let (code, sum) = import(&launch, &[words(&file)]);
    assert_eq!(
        (code, sum["imported"].as_u64().zip(sum["same"].as_u64()).map(|(new, same)| new + same)),
        (Some(0), Some(USERS as u64)),
        "{sum}"
    );
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
}
