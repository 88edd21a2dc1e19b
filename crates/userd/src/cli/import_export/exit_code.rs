//! The exit code that `userd export` and `userd import` have beside the shared ones.

/// Some users were skipped, or the file is truncated.
pub(super) const EXIT_INCOMPLETE: u8 = 3;
