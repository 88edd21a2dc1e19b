//! The `userd` program.

use std::process::ExitCode;

// A request makes some dozens of small allocations; this allocator serves them with a quarter less CPU than the
// system's. Measured in docs/benchmarks.md, "What was tried".
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    userd::cli::run(std::env::args_os())
}
