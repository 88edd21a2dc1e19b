//! Checks of what is around the program: deployment files, pages, and what independent programs make of its output.
//!
//! They need more than Rust and redis-server; `make test-all` installs the rest. The tests of the product are in
//! `tests/it`.

#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]

mod generated_requests;
mod getting_started;
mod manual_pages;
mod metrics;
mod packages;
mod pages;
mod tokens;
