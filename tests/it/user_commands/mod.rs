//! `userd user` and `userd stats` of the real program, through a server and on a store.

mod canned_server;
mod interactive;
mod store_and_server;
mod via_server;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A working directory for userd; its environment is what a test sets.
struct WorkFolder(TempDir);

impl WorkFolder {
    fn empty() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn userd(&self, args: &[&str]) -> Output {
        self.userd_with(args, &[])
    }

    fn userd_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_userd"))
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("the program can be started")
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the output is UTF-8")
}
