//! The reference implementation of the contract: accounts in maps, and faults on demand.
//!
//! For tests of what uses a store, and for the conformance suite to be tested against. Nothing outlives the process.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

mod import_export;
mod listing;
mod sessions;
mod store;
mod users;

pub use store::{INTERNAL_DETAIL, InjectedFault, MemoryState, MemoryStore};
