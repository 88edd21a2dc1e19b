//! The one integration test binary: everything that is tested from outside the crate.

#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]

mod cli;
mod config;
mod contract;
mod faults;
mod http;
mod support;
mod tidy;
