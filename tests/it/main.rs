//! The one integration test binary: everything that is tested from outside the crate.

mod cli;
mod config;
mod contract;
mod faults;
mod http;
mod support;
mod tidy;
