//! How much the fault tests do: `fault_report` reads what `make faults` requests.

use super::fault_report::is_long;

/// A number of repetitions: `short` in an ordinary run, `long` in the long form.
pub fn scaled(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}
