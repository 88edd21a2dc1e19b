//! What one shard keeps: one-time secrets that are consumed with a change of their user, the event feed with leased
//! positions, jobs.
//!
//! | file | what it has |
//! |---|---|
//! | `store` | what a state is made of; the messages; the broken variants |
//! | `steps` | the steps as pure functions |
//! | `clients` | writers, readers, workers, one step at a time |
//! | `scenario`, `model` | a state of everything, and all moves; with or without a replica |
//! | `invariants` | what must hold |
//! | `broken` | the broken variants, each with its scenario |
//! | `scenarios` | who does what at the same time |

pub(crate) mod broken;
mod clients;
mod invariants;
mod model;
mod scenario;
pub(crate) mod scenarios;
mod steps;
mod store;
