//! The claim protocol: its steps as typed calls, and the operations that put the steps in order.
//!
//! | module | what it is |
//! |---|---|
//! | `sign_up`, `change_profile` | the operations |
//! | `import`, `import_steps` | the sign-up of many users at once: the order of the steps, and what each is sent |
//! | `edit` | changes within one record |
//! | `claims` | acquire, resolve, release and verify a claim |
//! | `reply`, `deadlines` | the answer of a step; how long intents and tombstones live |
//!
//! Each call is one script on one shard. What a step does, and why, is described in its script, and the protocol as a
//! whole in `docs/claim-protocol.md`.
//!
//! To add an operation: a file that puts steps in order; each step must be atomic and idempotent, and an operation that
//! claims an address must verify the claim after its commit.

mod change_profile;
mod claims;
mod deadlines;
mod edit;
mod import;
mod import_steps;
mod reply;
mod sign_up;

pub(crate) use self::claims::{AcquireOutcome, ClaimState};
pub use self::deadlines::INTENT_MS;
pub(crate) use self::edit::SideEffects;
pub(crate) use self::reply::reply_texts;
