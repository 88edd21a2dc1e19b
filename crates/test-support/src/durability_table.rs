//! The table in `docs/durability.md`: each test that measures a row records it here. The row has to be in the page
//! with the same promise; what was measured then is read there, what is measured now has to keep the promise.
//! With `USERD_WRITE_DURABILITY` set, the row of this server in the page is replaced by what has been measured now.

use std::fs::{self, File};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/durability.md");

/// Between these lines of the page the rows are the tests'.
const BEGIN: &str = "<!-- rows from tests: begin -->";
const END: &str = "<!-- rows from tests: end -->";

/// What a row of the table says may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurabilityPromise {
    /// No acknowledged change.
    Nothing,
    /// What was acknowledged since the last second's sync.
    LastSecond,
    /// What the new primary had not been sent.
    Unreplicated,
    /// What Redis held back while a sync of its file was going on, for two seconds at most.
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

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct DurabilityMeasurement {
    /// In how many trials.
    pub trials: usize,
    /// How many changes were acknowledged, in all trials.
    pub acknowledged: usize,
    /// The most that one trial lost of these.
    pub lost: usize,
    /// How long before the end the oldest of the lost was acknowledged.
    pub loss_window_ms: Option<u64>,
}

/// Records that with accounts kept `kept` on `server`, `event` has been `measured`. A server that the page has no
/// row of has to keep what the page says of another.
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
    #[expect(clippy::disallowed_methods, reason = "whether the page is to be written again is told from outside")]
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

/// The rows of the page that are the tests'.
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

/// Other tests, which are other processes, may be writing their rows.
fn write_row(start: &str, server: &str, row: &str) {
    let guard = File::create(crate::paths::target_tmpdir().join("durability.lock")).expect("a lock");
    guard.lock().expect("the lock can be had");
    let page = fs::read_to_string(PAGE).expect("the page");
    let mut lines: Vec<&str> = page.lines().collect();
    let end = lines.iter().position(|line| *line == END).expect("the page has the mark of the end");
    if let Some(place) = lines.iter().position(|line| line.starts_with(start) && is_row_of(line, server)) {
        lines[place] = row;
    } else {
        // Below those of other servers.
        let others = lines.iter().rposition(|line| line.starts_with(start));
        lines.insert(others.map_or(end, |last| last + 1), row);
    }
    fs::write(PAGE, lines.join("\n") + "\n").expect("the page can be written");
}
