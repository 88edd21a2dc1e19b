//! The consistency check (`userd doctor`): walks every key below the prefix and every listing, and compares them.
//!
//! Sign-ups and changes run meanwhile, and no read spans two shards. So a mismatch is only a suspicion at first: it
//! is checked again a few times, and becomes a finding if it persists and the record did not change in between. The
//! invariants of the claim protocol hold at every moment, so what persists is damage, or was left behind by a crash.
//! Repairs use the protocol's own steps, each safe at any moment, and `repair_listing`. The check never runs on the
//! path of a request: only here is `SCAN` used.
//!
//! | module | what it is |
//! |---|---|
//! | `walk` | the walk through the keys of all servers, then through the listings |
//! | `cursor` | the position of a pass, as text |
//! | `key_space` | what a key is, by its name |
//! | `snapshot` | what records and claims say |
//! | `records`, `claims`, `listings`, `dependents`, `store_id` | the checks |
//! | `repair` | the repairs |
//! | `context`, `findings`, `reads` | shared by the checks |
//!
//! # How to add a check
//! A variant of `RecordProblem` in `records` (or a suspicion in `claims`, `listings`), an arm in `repair`, a kind in
//! `userd_store::FindingKind` if none fits, and a planted damage in `tests/it/doctor`.

mod claims;
mod context;
mod cursor;
mod dependents;
mod findings;
mod key_space;
mod listings;
mod reads;
mod records;
mod repair;
mod snapshot;
mod store_id;
mod walk;
