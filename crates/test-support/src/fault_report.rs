//! In which form the fault tests run, and the tables that they write their figures into.
//!
//! The short form is the ordinary one: some seconds, a fixed seed, no table. `make faults` asks for the long one by
//! three variables of the environment, which are read here and nowhere else. A test that has figures to publish calls
//! [`report_row`], in both forms; what it asserts it asserts without the table.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// How long the main storm lasts in the long form, in seconds; others take a share of it.
const SECONDS_VARIABLE: &str = "USERD_FAULTS_SECONDS";

/// What everything random is drawn from, in place of each test's own number.
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

/// Whether the long form is asked for.
pub fn is_long() -> bool {
    number(SECONDS_VARIABLE).is_some()
}

/// How long a storm lasts: `short`, or in the long form a `share`-th of the whole.
pub fn duration(short: Duration, share: u32) -> Duration {
    number(SECONDS_VARIABLE).map_or(short, |seconds| (Duration::from_secs(seconds) / share).max(short))
}

/// What everything random is drawn from. Shown, so that a run can be repeated.
pub fn seed(usual: u64) -> u64 {
    let seed = number(SEED_VARIABLE).unwrap_or(usual);
    eprintln!("seed {seed}; to repeat: {SEED_VARIABLE}={seed}");
    seed
}

/// Adds a row to a table: the names of its columns, the same for every row of the table, and what stands in them.
/// Without a folder for tables it only shows the row.
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
    // One write, so that rows of tests that run at once don't mix.
    rows.write_all(format!("{cells}\n").as_bytes()).expect("a table can be written");
}
