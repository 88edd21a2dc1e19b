//! The tests of the product, from outside of its crates. They need Rust, a C compiler and redis-server, nothing else.
//!
//! What reads deployment files and pages, or asks other programs, is in `tests/deploy-checks`.

#![expect(unreachable_pub, reason = "a test binary exports nothing; pub marks what its modules share")]
#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]

mod api_description;
mod backup;
mod cli;
mod completions;
mod config;
mod conformance;
mod doctor;
mod documents;
mod faults;
mod health;
mod http;
mod import_export;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod redis;
mod servers;
mod serving;
mod tidy;
mod tokens;
mod user_commands;
