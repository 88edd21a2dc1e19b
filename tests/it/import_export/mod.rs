//! `userd export` and `userd import` of the real program.

mod aborted;
mod files;
mod legacy;
mod refusals;
mod round_trips;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use userd_test_support::fixtures::SOME_HASH;
use userd_test_support::userd_process::UserdCommand;

/// A directory, and a userd in it with its own SQLite store.
fn setup() -> (TempDir, UserdCommand) {
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes();
    (folder, launch)
}

fn id(number: usize) -> String {
    format!("0192f0c1-2b3d-7e4f-8a5b-{number:012x}")
}

fn line(number: usize) -> String {
    format!(
        r#"{{"type":"user","id":"{}","name":"Number {number}","email":"n{number}@example.org","password_hash":"{SOME_HASH}","created_at":"2020-01-01T00:00:00.000Z"}}"#,
        id(number)
    )
}

/// A complete file of this many users.
fn file_of(folder: &Path, users: usize) -> PathBuf {
    let mut text = "{\"type\":\"userd-export\",\"version\":1}\n".to_owned();
    for number in 0..users {
        writeln!(text, "{}", line(number)).expect("text takes text");
    }
    writeln!(text, r#"{{"type":"end","users":{users}}}"#).expect("text takes text");
    written(folder, "users.ndjson", &text)
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("there is room");
    path
}

fn words(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `userd import --json` with these arguments; returns exit code and summary.
fn import(launch: &UserdCommand, more: &[&str]) -> (Option<i32>, Value) {
    let output = launch.run(&[&["import", "--json"], more].concat());
    let sum = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", err(&output)));
    (output.status.code(), sum)
}

/// The lines of users that `userd export` writes with these flags.
fn export(launch: &UserdCommand, flags: &[&str]) -> Vec<String> {
    let output = launch.run(&[&["export"], flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let lines: Vec<&str> = text.lines().collect();
    let [first, users @ .., last] = &lines[..] else { panic!("{text}") };
    assert!(
        first.starts_with(r#"{"exported_at":""#) && first.contains(r#""type":"userd-export","version":1"#),
        "{first}"
    );
    let end: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((&end["type"], &end["users"]), (&"end".into(), &users.len().into()));
    users.iter().map(|line| (*line).to_owned()).collect()
}
