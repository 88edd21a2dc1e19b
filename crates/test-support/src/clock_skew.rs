//! Clocks that are set while a program runs: `wall_clock.c`, loaded into the program, adds what a file says.
//!
//! Only the wall clock: what counts elapsed time goes on as it is, as when an operator sets the clock of a machine.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::power_loss::compile_preload;

/// The source of what is loaded into a program.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wall_clock.c");

/// The wall clock of one program.
pub struct SkewedClock {
    folder: TempDir,
}

impl SkewedClock {
    /// A clock that is right.
    pub fn accurate() -> Self {
        let clock = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::write(clock.offset(), 0_i64.to_ne_bytes()).expect("the disk has room");
        clock
    }

    /// Sets it so many seconds ahead of the right time; a negative number is behind.
    pub fn set_skew_s(&self, seconds: i64) {
        // In place: the program has the file mapped.
        let mut file = OpenOptions::new().write(true).open(self.offset()).expect("the file is there");
        file.write_all(&(seconds * 1000).to_ne_bytes()).expect("the disk has room");
    }

    /// What a program has to find in its environment to go by this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        let library = MADE.get_or_init(|| compile_preload(SOURCE, "wall_clock")).clone();
        let text = |path: PathBuf| path.into_os_string().into_string().expect("a plain path");
        vec![("LD_PRELOAD".to_owned(), text(library)), ("WALL_CLOCK_OFFSET".to_owned(), text(self.offset()))]
    }

    fn offset(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}
