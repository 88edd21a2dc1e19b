//! Names that are unique over all shards: sign-up, change, deletion, import under a given id, the doctor. One record
//! has several names; one operation claims several names; one secret is consumed with a change.
//!
//! | file | what it has |
//! |---|---|
//! | `values`, `record` | what a state is made of; the messages |
//! | `steps` | the steps as pure functions |
//! | `rules` | the broken variants |
//! | `client`, `sign_up`, `change`, `doctor` | the clients, one step at a time |
//! | `scenario`, `model` | a state of everything, and all moves |
//! | `invariants` | what must hold |
//! | `broken` | the broken variants, each with its scenario |
//! | `failover` | the same with replication, and shards that fall back |
//! | `first_scenarios`, `more_scenarios` | who does what at the same time |

pub(crate) mod broken;
mod change;
mod client;
mod doctor;
pub(crate) mod failover;
pub(crate) mod first_scenarios;
mod invariants;
mod model;
pub(crate) mod more_scenarios;
mod record;
mod rules;
mod scenario;
mod sign_up;
mod steps;
mod values;

pub(crate) use self::scenario::NameScenario;
