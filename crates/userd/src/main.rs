//! The `userd` program: the allocator, and the call of the command line.

use std::process::ExitCode;

// A request makes some dozens of small allocations; mimalloc needs a quarter less CPU for them than the system's
// allocator. Measured in docs/benchmarks.md, "What was tried".
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    userd::cli::run(std::env::args_os())
}
