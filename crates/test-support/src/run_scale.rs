//! Whether the faults are to be tried for long: `fault_report` reads what `make faults` says.

use super::fault_report::is_long;

/// How much of something to do: `short` as an ordinary test, `long` in the long form.
pub fn scaled(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}
