//! userd, the self-hosted user-accounts service: the program that joins the layers.
//!
//! `docs/ARCHITECTURE.md` has the map of all crates. The order of the modules is the order of their dependencies: each
//! uses only those above it.
//!
//! | module | what it is |
//! |---|---|
//! | [`config`] | settings: defaults, files, environment, flags; validation of all of them at once |
//! | `open` | opens the store that the configuration names |
//! | `services` | the use cases over an open store |
//! | `serve` | the life of a serving process |
//! | [`cli`] | the command line, one file for each command |

pub mod cli;
pub mod config;
mod open;
mod serve;
mod services;
