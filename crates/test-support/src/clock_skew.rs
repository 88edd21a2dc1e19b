//! Sets the clock of a running program: `wall_clock.c`, preloaded into the program, adds an offset from a file.
//!
//! Only the wall clock: clocks of elapsed time are left alone, as when an operator sets the clock of a machine.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::power_loss::compile_preload;

/// The source of the preloaded library.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wall_clock.c");

/// The wall clock of one program.
pub struct SkewedClock {
    folder: TempDir,
}

impl SkewedClock {
    /// A correct clock.
    pub fn accurate() -> Self {
        let clock = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::write(clock.offset(), 0_i64.to_ne_bytes()).expect("the disk has room");
        clock
    }

    /// Sets it this many seconds ahead of the correct time; a negative number is behind.
    pub fn set_skew_s(&self, seconds: i64) {
        // In place: the program has the file mapped.
        let mut file = OpenOptions::new().write(true).open(self.offset()).expect("the file is there");
        file.write_all(&(seconds * 1000).to_ne_bytes()).expect("the disk has room");
    }

    /// The environment variables that make a program use this clock.
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
