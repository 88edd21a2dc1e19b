//! The one integration test binary: everything that is tested from outside the crate.

#![expect(unreachable_pub, reason = "a test binary exports nothing; pub marks what its modules share")]
#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]

mod api_description;
mod backup;
mod cli;
mod config;
mod conformance;
mod doctor;
mod documents;
mod faults;
mod http;
mod import_export;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod packages;
mod pages;
mod program_pages;
mod redis;
mod servers;
mod serving;
mod tidy;
mod tokens;
mod user_commands;
