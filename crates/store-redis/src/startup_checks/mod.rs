//! The start-up checks: whether a Redis server may keep accounts. They run for each new connection and every 30
//! seconds.
//!
//! [`fn@evaluate`] is a pure function of what `INFO` and `CONFIG GET` returned, so each check is tested without a
//! server. A value that userd may not read is "unknown", never "ok"; the operator may declare it
//! (`assume_noeviction`,
//! `assume_durability`). The reasons and the measurements are in `docs/decisions/0010-redis-start-up-checks.md`, the
//! messages in `docs/operations/troubleshooting.md`.
//!
//! To add a check: a function that `evaluate` calls, a case in `tests`, and a row in the table of messages.

mod evaluate;
mod facts;
#[cfg(test)]
mod tests;

pub(crate) use self::evaluate::{StartupReport, evaluate};
pub(crate) use self::facts::{ServerFacts, durability};
