//! The two forms of the fault tests, and the tables with their figures.
//!
//! The short form is the default: some seconds, a fixed seed, no table. `make faults` asks for the long form by three
//! environment variables, which are read only here. A test that publishes figures calls [`report_row`] in both forms;
//! its assertions do not depend on the table.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// The duration of the main storm in the long form, in seconds; others take a share of it.
const SECONDS_VARIABLE: &str = "USERD_FAULTS_SECONDS";

/// The seed, in place of each test's own.
const SEED_VARIABLE: &str = "USERD_FAULTS_SEED";

/// The folder that tables are written to.
const TABLE_VARIABLE: &str = "USERD_FAULTS_TABLE";

#[expect(clippy::disallowed_methods, reason = "the one place where the form of the fault tests is read")]
fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str) -> Option<u64> {
    env_var(name).map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Whether the long form was requested.
pub fn is_long() -> bool {
    number(SECONDS_VARIABLE).is_some()
}

/// The duration of a storm: `short`, or in the long form the whole divided by `share`.
pub fn duration(short: Duration, share: u32) -> Duration {
    number(SECONDS_VARIABLE).map_or(short, |seconds| (Duration::from_secs(seconds) / share).max(short))
}

/// The seed. It is printed, so that a run can be repeated.
pub fn seed(usual: u64) -> u64 {
    let seed = number(SEED_VARIABLE).unwrap_or(usual);
    eprintln!("seed {seed}; to repeat: {SEED_VARIABLE}={seed}");
    seed
}

/// Adds a row to a table: names of columns, the same for every row of the table, with values. Without a folder for
/// tables it only prints the row.
pub fn report_row(table: &str, row: &[(&str, String)]) {
    let (mut head, mut rule, mut cells) = (String::from("|"), String::from("|"), String::from("|"));
    for (name, value) in row {
        assert!(!name.contains('|') && !value.contains(['|', '\n']), "{name}: {value} breaks the table");
        let _ = write!(head, " {name} |");
        rule.push_str("---|");
        let _ = write!(cells, " {value} |");
    }
    eprintln!("{table}\n{head}\n{cells}");
    let Some(folder) = env_var(TABLE_VARIABLE).map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("a folder for the tables");
    fs::write(folder.join(format!("{table}.head")), format!("{head}\n{rule}\n")).expect("a table can be written");
    let rows = OpenOptions::new().create(true).append(true).open(folder.join(format!("{table}.rows")));
    let mut rows: File = rows.expect("a table can be written");
    // One write, so that rows of concurrent tests don't mix.
    rows.write_all(format!("{cells}\n").as_bytes()).expect("a table can be written");
}
