//! Runs a program once and reads what it writes.
//!
//! Not for a server: that is `userd_process`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the program under test in `folder`, with an empty environment.
pub fn run_userd(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(crate::paths::program());
    command.args(args).current_dir(folder).env_clear().output().expect("the program can be started")
}

/// What `program` writes when it reads `input`. It has to succeed with an empty standard error; `package` is Debian's
/// package of it.
pub fn pipe_through(program: &str, package: &str, args: &[&str], input: &[u8]) -> String {
    let mut process = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; install it: apt-get install {package}"));
    process.stdin.take().expect("it is piped").write_all(input).expect("it reads everything");
    let output = process.wait_with_output().expect("it ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "{program} {args:?}: {complaints}");
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}
