//! userd: the user-accounts service that a team puts beside its own services.
//!
//! The map, from the inside out. A layer may name those above it in this list and no others; the test
//! `tests/it/tidy.rs` holds the same table and fails with file and line.
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | values and rules: user, e-mail, name, password; no I/O, no clock, no framework |
//! | [`clock`], [`random`] | time and randomness as arguments, so that tests own both |
//! | [`metrics`] | what is counted and measured |
//! | [`store`] | the contract of the place where users are kept, and its implementations: `embedded` (SQLite) and `redis` |
//! | [`service`] | the use cases, and the gate in front of the expensive password hash |
//! | [`http`] | the only module that names Rocket: routes, guards, problems |
//! | [`config`] | where every setting comes from and what it means |
//! | [`app`] | the wiring, shared by the command line and the tests |
//! | [`cli`] | what the `userd` program understands |

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod metrics;
pub mod random;
pub mod service;
pub mod store;
