//! A model checker of the protocols between shards: names that are unique over all shards, one-time secrets that are
//! consumed with their effect, the event feed with leased positions, jobs.
//!
//! Nothing of it is part of the program `userd`. `make model` runs all cases; the smaller ones are tests of this crate.
//! What is modelled, and what it showed, is in `docs/claim-protocol.md` and decision 0026.
//!
//! | module | what it has |
//! |---|---|
//! | `explorer` | the search over all reachable states |
//! | `names` | several shards: sign-up, change, deletion, import, the doctor |
//! | `shard` | one shard: secrets, events, positions, jobs |
//! | `replication` | what waits for a replica |
//! | `catalogue` | all cases, with what has to come out |
//!
//! The adversary interleaves clients in any order, stops any of them after any step for ever or for any time, takes any
//! deadline as passed or not at any moment, and delivers late copies of any message. With replication it also makes a
//! shard fall back to its last replicated value.
//!
//! To add a step: a message and its pure function in `steps`, its place in a client, a scenario, and a broken variant
//! that leaves its guard out.

mod catalogue;
mod explorer;
mod names;
mod replication;
mod shard;
mod word_hasher;

pub use self::catalogue::{CaseExpectation, ModelCase, all_cases};
pub use self::explorer::{PropertyViolation, SearchBounds, SearchReport};

#[cfg(test)]
mod tests;
