//! Packaging: the image's file system is made and run, Valkey is started as in compose.yaml, and what can't be run here
//! (images, a cluster, the system's services) is checked by the programs that read it.
//!
//! Configurations in pages are in `pages`.

mod files;
mod image;
mod unit;
mod valkey;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A file of the repository.
fn path(of: &str) -> PathBuf {
    userd_test_support::paths::workspace_root().join(of)
}

fn text(of: &str) -> String {
    fs::read_to_string(path(of)).unwrap_or_else(|error| panic!("{of}: {error}"))
}

/// A program that checks files for containers.
fn checker(name: &str) -> Command {
    let home = path("target/package-checks");
    assert!(home.join("installed").exists(), "{name} is not installed: run ./scripts/ensure-package-checks.sh");
    let mut command = Command::new(home.join("venv/bin").join(name));
    command.current_dir(userd_test_support::paths::workspace_root());
    command
}

/// The output of a program that has to succeed.
fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}{err}");
    out.into_owned()
}
