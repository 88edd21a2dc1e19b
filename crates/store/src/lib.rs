//! The contract of the place where accounts are stored, designed for its weakest implementation.
//!
//! Redis has no transaction across a round trip, so there is no `begin`, no `commit`, no `exists`: each method is one
//! operation that takes effect as a whole or not at all, whatever crashes between its steps. An outcome that a caller
//! expects (`EmailTaken`, `VersionConflict`, `NotFound`) is a value; an error means that the store could not do its
//! work.
//!
//! # What an implementer guarantees
//! - **Invariant:** no two users have the same canonical e-mail, also under races, crashes and delayed repeats.
//! - **Invariant:** a method's effect is atomic. After an error the change has happened as a whole, or not at all, or
//!   may still happen as a whole, until a server has read what was sent to it; the caller can't tell which. It never
//!   happens in part.
//! - **Invariant:** no change is lost. A change applies to the version that the caller read, and never over a later
//!   one.
//! - **Durability:** a change that was answered `Ok` survives a crash of this process, and whatever the store's own
//!   durability covers.
//! - **Visibility:** a caller that got an answer sees its effect in every later read.
//! - **History:** each change of an account is recorded as an event in the same step (see [`SessionStore`]), with the
//!   `actor` who made it. A repeat records nothing twice.
//! - **Idempotence:** a method whose documentation says so succeeds again if it is repeated after a lost answer.
//! - **Bounds:** every call ends within the configured time limit. A crash reserves an e-mail for 30 s at most.
//! - **Time:** `now` is the caller's clock. It is recorded, and it decides when an unfinished operation of another
//!   process may be aborted; safety never depends on it.
//!
//! # Files
//! | module | what it is for |
//! |---|---|
//! | `store` | [`Store`]: users, health, closing; it joins all traits below |
//! | `users` | the values and outcomes of changes of users |
//! | `sessions` | sessions and account events |
//! | `rate_limit` | charging password attempts |
//! | `service_keys` | the service's own keys |
//! | `listing` | users and events in pages |
//! | `import_export` | users into and out of the store, with their sessions |
//! | `legacy` | reading the database of the Rocket + Redis tutorial |
//! | `check` | the consistency check |
//! | `error` | why a store could not do its work |
//! | `instrumented` | metrics and spans for any store |
//! | `memory` | the reference implementation, for tests (feature `memory`) |
//!
//! # How to add a store
//! Implement [`Store`] in a crate of its own, run the conformance suite (feature `conformance`) over it, and add an
//! arm to `open_store` in the crate `userd`.

mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod import_export;
mod instrumented;
mod legacy;
mod listing;
#[cfg(feature = "memory")]
pub mod memory;
mod rate_limit;
mod service_keys;
mod sessions;
mod store;
mod users;

pub use check::{CheckBatch, CheckCursor, CheckMode, CheckReport, ConsistencyCheck, Finding, mask_email};
pub use error::StoreError;
pub use import_export::{AccountRecord, ExportRecord, ExportStore, IMPORTED_SESSIONS_MAX, ImportOutcome, ImportStore};
pub use instrumented::InstrumentedStore;
pub use legacy::{LegacyPage, LegacyRecord, LegacySource};
pub use listing::{EventPosition, KeyRange, ListedUser, SortOrder, UserListing};
pub use rate_limit::RateLimitStore;
pub use service_keys::{KEY_BYTES_MAX, KeyKind, KeyStore, StoredKey};
pub use sessions::{EVENTS_RETENTION_DEFAULT, NewSession, OpenSessionOutcome, SessionStore, SessionWithUser};
pub use store::Store;
pub use userd_core::{FindingKind, FindingState};
pub use users::{CreateUserOutcome, DeleteUserOutcome, StatusUpdate, UpdateUserOutcome, UserProfile};
