//! Measures every figure of `docs/benchmarks.md` again: `make bench`.
//!
//! Everything runs on one machine, so throughput is of little meaning. CPU per request, as the operating system
//! accounts it to the server, and ratios within one run are of more. Compared measurements take turns.
//!
//! To add a row: a function in `rows` or a file of its own, and an entry in `rows::ALL`.

#![expect(clippy::print_stdout, reason = "the table is the output")]
#![expect(clippy::expect_used, reason = "a bench that can't go on stops with the sentence in `expect`")]
#![expect(unreachable_pub, reason = "a program exports nothing; pub marks what its modules share")]

mod common;
mod compare;
mod context;
mod doctor;
mod listing;
mod load;
mod rows;
mod seed;
mod server;
mod sessions;

use self::context::BenchContext;

fn main() {
    let bench = BenchContext::from_environment();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    println!("| what | figure to reach | measured |");
    println!("|---|---|---|");
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, measure) in rows::ALL {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            measure(&bench, &runtime);
        }
    }
}
