//! Clocks that are set while a program runs: libfaketime, loaded into the program, adds what a file says.
//!
//! Only the wall clock: what counts elapsed time goes on as it is, as when an operator sets the clock of a machine.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// The wall clock of one program.
pub struct WallClock {
    folder: TempDir,
}

impl WallClock {
    /// A clock that is right.
    pub fn right() -> Self {
        let clock = Self { folder: tempfile::tempdir().expect("a folder") };
        clock.set_ahead_s(0);
        clock
    }

    /// Sets it so many seconds ahead of the right time; a negative number is behind.
    pub fn set_ahead_s(&self, seconds: i64) {
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{seconds:+}\n")).expect("the disk has room");
        // In one step: the program may be reading.
        fs::rename(next, self.offset()).expect("the folder is there");
    }

    /// What a program has to find in its environment to go by this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        let offset = self.offset().into_os_string().into_string().expect("a plain path");
        [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", offset),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn offset(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

/// Where libfaketime lies, as Debian's `faketime` program says it.
fn library() -> String {
    let shown = Command::new("faketime").args(["-m", "-f", "+0s", "env"]).output();
    let shown =
        shown.expect("faketime is installed: apt-get install faketime, or ./scripts/ensure-programs.sh faketime");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("LD_PRELOAD=")).expect("faketime loads a library").to_owned()
}
