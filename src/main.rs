//! The `userd` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    userd::cli::run(std::env::args_os())
}
