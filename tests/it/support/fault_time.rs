//! Whether the faults are to be tried for long: `USERD_FAULTS_SECONDS` is set by `make faults`.

/// How much of something to do: `short` as an ordinary test, `long` in the long form.
#[expect(clippy::disallowed_methods, reason = "how long to try is told from outside")]
pub fn amount(short: usize, long: usize) -> usize {
    if std::env::var_os("USERD_FAULTS_SECONDS").is_some() { long } else { short }
}
