//! The table in `docs/durability.md`. Each test that measures a row records it here: the page must have the row with
//! the same promise, and the measurement must keep the promise. With `USERD_WRITE_DURABILITY` set, the row of this
//! server in the page is replaced by the present measurement.

use std::fs::{self, File};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/durability.md");

/// Tests write the rows between these lines of the page.
const BEGIN: &str = "<!-- rows from tests: begin -->";
const END: &str = "<!-- rows from tests: end -->";

/// What a row of the table says may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurabilityPromise {
    /// No acknowledged change.
    Nothing,
    /// What was acknowledged since the last sync, a second ago.
    LastSecond,
    /// What had not been sent to the new primary.
    Unreplicated,
    /// What Redis delayed while a sync of its file was in progress, for at most two seconds.
    HeldBack,
    /// What was acknowledged since the last snapshot.
    SinceSnapshot,
}

impl DurabilityPromise {
    fn label(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::LastSecond => "the last second or so",
            Self::Unreplicated => "what had not reached the replica",
            Self::HeldBack => "what a slow disk held back",
            Self::SinceSnapshot => "everything since the last snapshot",
        }
    }
}

/// A measurement.
#[derive(Debug, Clone, Copy)]
pub struct DurabilityMeasurement {
    /// The number of trials.
    pub trials: usize,
    /// How many changes were acknowledged, in all trials.
    pub acknowledged: usize,
    /// The largest loss in one trial.
    pub lost: usize,
    /// How long before the end the oldest lost change was acknowledged.
    pub loss_window_ms: Option<u64>,
}

/// Records the measurement of `event` with accounts kept `kept` on `server`. A server without a row of its own has to
/// keep the promise of another server's row.
pub fn record_measurement(
    kept: &str,
    event: &str,
    server: &str,
    promise: DurabilityPromise,
    measured: DurabilityMeasurement,
) {
    let DurabilityMeasurement { trials, acknowledged, lost, loss_window_ms } = measured;
    assert!(trials > 0 && acknowledged > 0, "{kept}, {event}: nothing was tried");
    if promise == DurabilityPromise::Nothing {
        assert_eq!(lost, 0, "{kept}, {event}: nothing may be lost of {acknowledged}");
    }
    let start = format!("| {kept} | {event} | ");
    let span = loss_window_ms.map_or_else(|| "–".to_owned(), |span| format!("{span} ms"));
    let words = promise.label();
    let row = format!("{start}{words} | {server} | {trials} | {acknowledged} | {lost} | {span} |");
    #[expect(clippy::disallowed_methods, reason = "the switch that has a run rewrite the page")]
    if std::env::var_os("USERD_WRITE_DURABILITY").is_some() {
        write_row(&start, server, &row);
    }
    let rows = rows();
    let same: Vec<&String> = rows.iter().filter(|row| row.starts_with(&start)).collect();
    let says_so = |row: &String| row[start.len()..].starts_with(&format!("{words} | "));
    let written = same.iter().find(|row| is_row_of(row, server)).or_else(|| same.iter().find(|row| says_so(row)));
    let written = written.unwrap_or_else(|| panic!("docs/durability.md has no such row: {row}"));
    assert!(says_so(written), "{words:?} is not what the page says: {written}");
    if promise == DurabilityPromise::Nothing {
        assert!(written.ends_with("| 0 | – |"), "the page contradicts its promise: {written}");
    }
}

/// The rows of the page that tests write.
pub fn rows() -> Vec<String> {
    let page = fs::read_to_string(PAGE).expect("the page");
    let (_, after) = page.split_once(BEGIN).expect("the page has the mark of the beginning");
    let (rows, _) = after.split_once(END).expect("the page has the mark of the end");
    rows.lines().filter(|line| line.starts_with("| ")).skip(1).map(str::to_owned).collect()
}

/// Whether a row was measured on this server.
fn is_row_of(row: &str, server: &str) -> bool {
    row.split(" | ").nth(3) == Some(server)
}

/// Other tests, in other processes, may be writing their rows.
fn write_row(start: &str, server: &str, row: &str) {
    let guard = File::create(crate::paths::target_tmpdir().join("durability.lock")).expect("a lock");
    guard.lock().expect("the lock can be had");
    let page = fs::read_to_string(PAGE).expect("the page");
    let mut lines: Vec<&str> = page.lines().collect();
    let end = lines.iter().position(|line| *line == END).expect("the page has the mark of the end");
    if let Some(place) = lines.iter().position(|line| line.starts_with(start) && is_row_of(line, server)) {
        lines[place] = row;
    } else {
        // Below the rows of other servers.
        let others = lines.iter().rposition(|line| line.starts_with(start));
        lines.insert(others.map_or(end, |last| last + 1), row);
    }
    fs::write(PAGE, lines.join("\n") + "\n").expect("the page can be written");
}
