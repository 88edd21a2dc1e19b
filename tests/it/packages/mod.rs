//! What userd is packed into: the image's file system is made and run, Valkey is started as compose.yaml starts it, and
//! what can't be run here (images, a cluster, the system's services) is read by the programs that will read it.
//!
//! The parts of the documents that are configuration are in `documents`.

mod files;
mod health;
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

/// A program that reads files for containers.
fn checker(name: &str) -> Command {
    let home = path("target/package-checks");
    assert!(home.join("installed").exists(), "{name} is not installed: run ./scripts/ensure-package-checks.sh");
    let mut command = Command::new(home.join("venv/bin").join(name));
    command.current_dir(userd_test_support::paths::workspace_root());
    command
}

/// What the program printed, which has to have ended well.
fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}{err}");
    out.into_owned()
}
