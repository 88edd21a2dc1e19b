//! Power cuts for real programs: `power_loss.c`, loaded into a program, writes down what it does to the files of
//! a folder; from that a test makes the folder that a power cut at any moment would have left.
//!
//! Not a disk: what was synced is believed to be there. The images are `power_journal`'s.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::power_journal::{DiskImage, JournalRecord, SimulatedDisk, SurvivingWrites, random_below, read_journal};
use userd_core::random::SeededRandom;

/// The source of what is loaded into a program.
const RECORDER_SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/power_loss.c");

/// A folder whose files are watched.
pub struct PowerLossRecorder {
    folder: PathBuf,
    /// What lay there at the beginning.
    before: DiskImage,
    journal_folder: TempDir,
}

impl PowerLossRecorder {
    /// Watches `folder`, which no program may be using yet.
    pub fn watch(folder: &Path) -> Self {
        let folder = folder.canonicalize().expect("the folder is there");
        let before = files_of(&folder);
        Self { folder, before, journal_folder: tempfile::tempdir().expect("a folder for the journal") }
    }

    /// What a program has to find in its environment to be watched.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.into_os_string().into_string().expect("a plain path");
        vec![
            ("LD_PRELOAD".to_owned(), text(recorder())),
            ("POWER_LOSS_FOLDER".to_owned(), text(self.folder.clone())),
            ("POWER_LOSS_JOURNAL".to_owned(), text(self.journal())),
        ]
    }

    /// How much has been written down: everything that had ended before this was asked.
    pub fn position(&self) -> u64 {
        fs::metadata(self.journal()).map_or(0, |journal| journal.len())
    }

    /// The acts so far.
    pub fn records(&self) -> Vec<JournalRecord> {
        read_journal(&self.journal())
    }

    /// The disk before the first act.
    pub fn disk(&self) -> SimulatedDisk {
        SimulatedDisk::of(self.before.clone())
    }

    /// Lays what a power cut after `acts` of the records leaves into a new folder.
    pub fn cut_power(&self, records: &[JournalRecord], acts: usize, keep: SurvivingWrites, seed: u64) -> TempDir {
        let mut disk = self.disk();
        disk.apply_all(&records[..acts]);
        self.write_image(&disk.image(keep, &SeededRandom::from_seed(seed)))
    }

    /// Lays an image into a new folder.
    pub fn write_image(&self, image: &DiskImage) -> TempDir {
        let target = tempfile::tempdir().expect("a folder for the image");
        for (path, content) in image {
            let path = target.path().join(path.strip_prefix(&self.folder).expect("it lies below"));
            // Shared memory of SQLite's: not on a disk, though it has a name.
            if path.to_string_lossy().ends_with("-shm") {
                continue;
            }
            fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
            fs::write(path, content).expect("a file of the image");
        }
        target
    }

    fn journal(&self) -> PathBuf {
        self.journal_folder.path().join("journal")
    }
}

/// What is loaded into a program.
fn recorder() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| compile_preload(RECORDER_SOURCE, "power_loss")).clone()
}

/// Compiles what is loaded into programs, and leaves it behind in the folder that Cargo has for tests. Another test
/// may be making it at the same time, so it comes to its name whole.
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

/// Where to cut: so many different places among `acts`, in order, seeded.
pub fn cut_points(acts: usize, count: usize, random: &SeededRandom) -> Vec<usize> {
    let mut cut_points: Vec<usize> = (0..count).map(|_| random_below(random, acts + 1)).collect();
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
