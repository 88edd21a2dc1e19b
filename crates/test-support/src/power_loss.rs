//! Power cuts for real programs: `power_loss.c`, preloaded into a program, records what it does to the files of a
//! folder. From that a test makes the folder that a power cut at any moment would have left.
//!
//! What was synced is taken to be safe. The images are made in `power_journal`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::power_journal::{DiskImage, JournalRecord, SimulatedDisk, SurvivingWrites, read_journal};
use super::random_numbers::random_index;
use userd_core::random::SeededRandom;

/// The source of the preloaded library.
const RECORDER_SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/power_loss.c");

/// A recorded folder.
pub struct PowerLossRecorder {
    folder: PathBuf,
    /// Its content at the beginning.
    before: DiskImage,
    journal_folder: TempDir,
}

impl PowerLossRecorder {
    /// Records `folder`, which no program may be using yet.
    pub fn watch(folder: &Path) -> Self {
        let folder = folder.canonicalize().expect("the folder is there");
        let before = files_of(&folder);
        Self { folder, before, journal_folder: tempfile::tempdir().expect("a folder for the journal") }
    }

    /// The environment variables that make a program record.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.into_os_string().into_string().expect("a plain path");
        vec![
            ("LD_PRELOAD".to_owned(), text(recorder())),
            ("POWER_LOSS_FOLDER".to_owned(), text(self.folder.clone())),
            ("POWER_LOSS_JOURNAL".to_owned(), text(self.journal())),
        ]
    }

    /// The length of the journal: it covers every operation that had ended before the call.
    pub fn position(&self) -> u64 {
        fs::metadata(self.journal()).map_or(0, |journal| journal.len())
    }

    /// The operations so far.
    pub fn records(&self) -> Vec<JournalRecord> {
        read_journal(&self.journal())
    }

    /// The disk before the first operation.
    pub fn disk(&self) -> SimulatedDisk {
        SimulatedDisk::of(self.before.clone())
    }

    /// Writes what a power cut after `acts` of the records leaves into a new folder.
    pub fn cut_power(&self, records: &[JournalRecord], acts: usize, keep: SurvivingWrites, seed: u64) -> TempDir {
        let mut disk = self.disk();
        disk.apply_all(&records[..acts]);
        self.write_image(&disk.image(keep, &SeededRandom::from_seed(seed)))
    }

    /// Writes an image into a new folder.
    pub fn write_image(&self, image: &DiskImage) -> TempDir {
        let target = tempfile::tempdir().expect("a folder for the image");
        for (path, content) in image {
            let path = target.path().join(path.strip_prefix(&self.folder).expect("it is below"));
            // SQLite's shared memory: it has a name, and is not on a disk.
            if path.to_string_lossy().ends_with("-shm") {
                continue;
            }
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
            fs::write(path, content).expect("a file of the image");
        }
        target
    }

    fn journal(&self) -> PathBuf {
        self.journal_folder.path().join("journal")
    }
}

/// The preloaded library.
fn recorder() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| compile_preload(RECORDER_SOURCE, "power_loss")).clone()
}

/// Compiles the library into Cargo's folder for tests. Another test may be doing the same, so the file gets its name
/// when it is complete.
pub fn compile_preload(source: &str, name: &str) -> PathBuf {
    let folder = crate::paths::target_tmpdir();
    let made = folder.join(format!("{name}-{}.so", std::process::id()));
    let named = folder.join(format!("{name}.so"));
    compile(source, &["-shared", "-fPIC"], &made);
    fs::rename(&made, &named).expect("the library gets its name");
    named
}

/// Compiles a C program or library of the tests.
pub fn compile(source: &str, flags: &[&str], to: &Path) {
    let output =
        Command::new("cc").args(["-O1", "-o"]).arg(to).args(flags).arg(source).output().unwrap_or_else(|error| {
            panic!("cc can't be started ({error}): install a C compiler with `apt-get install gcc libc6-dev`")
        });
    assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Seeded cut points: this many different numbers of operations, in order.
pub fn cut_points(acts: usize, count: usize, random: &SeededRandom) -> Vec<usize> {
    let mut cut_points: Vec<usize> = (0..count).map(|_| random_index(random, acts + 1)).collect();
    cut_points.sort_unstable();
    cut_points
}

fn files_of(folder: &Path) -> DiskImage {
    let mut image = DiskImage::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                image.insert(path.clone(), fs::read(&path).expect("a file"));
            }
        }
    }
    image
}
