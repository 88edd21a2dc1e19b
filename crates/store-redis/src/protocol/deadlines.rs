//! Deadlines and lifetimes of the claim protocol. None is needed for safety: they decide only when others may abort an
//! unfinished operation, and how long late messages are recognised.

use userd_core::Timestamp;

/// How long an intent may take before others may abort it, in milliseconds. Longer than any request lives, and short
/// enough that a crash does not block an e-mail address for longer.
pub const INTENT_MS: u64 = 30_000;

/// How long the tombstone of an aborted sign-up is kept, in milliseconds: far longer than any message can be late.
pub(crate) const ABORTED_TTL_MS: u64 = 24 * 3600 * 1000;

/// The moment from which an intent that begins `now` is overdue.
pub(crate) fn intent_deadline(now: Timestamp) -> u64 {
    now.plus_millis(INTENT_MS).as_millis()
}
