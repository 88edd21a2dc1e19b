//! The recorded file operations of a program, and what a power cut at any point would have left on the disk.
//!
//! The model is the strictest disk that POSIX allows: data is safe once a sync of its file that began after the write
//! has ended; a name is safe once its folder was synced. Everything else may be there, in part, or not at all
//! ([`SurvivingWrites`]).
//!
//! The recorder is in `power_loss`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use userd_core::random::SeededRandom;

use super::random_numbers::random_index;

/// What follows the letter of an operation in `power_loss.c`.
const MARK: &[u8; 7] = b"power:\0";

/// The size of `struct head`.
const HEAD_BYTES: usize = 40;

/// What happens to writes that no sync has made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SurvivingWrites {
    /// All are lost.
    Nothing,
    /// The first of them survive; the last of these is torn at a sector boundary.
    Prefix,
    /// Each page of 4096 bytes survives or not.
    Pages,
    /// Each sector of 512 bytes survives or not.
    Sectors,
    /// All survive: what a `kill -9` leaves.
    Everything,
}

impl SurvivingWrites {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Nothing, Self::Prefix, Self::Pages, Self::Sectors, Self::Everything];
}

/// One operation.
#[derive(Debug, Clone)]
pub struct JournalRecord {
    /// The length of the journal up to the end of this record.
    pub end: u64,
    /// When, by a monotonic clock.
    pub nanos: u64,
    /// The file or folder.
    pub path: PathBuf,
    /// What was done to it.
    pub act: FileOperation,
}

/// A file operation.
#[derive(Debug, Clone)]
pub enum FileOperation {
    Create,
    Write { offset: usize, bytes: Rc<[u8]> },
    Truncate { length: usize },
    Whole { bytes: Rc<[u8]> },
    SyncBegins { number: u64 },
    SyncEnds { number: u64 },
    Unlink,
    Rename { to: PathBuf },
}

/// Reads the journal; a truncated last record is left out.
pub fn read_journal(journal: &Path) -> Vec<JournalRecord> {
    let bytes = fs::read(journal).expect("the journal can be read");
    let mut records = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + HEAD_BYTES) {
        assert_eq!(&head[1..8], MARK, "the journal is whole up to its last record");
        let number = |place: usize| u64::from_ne_bytes(head[place..place + 8].try_into().expect("eight bytes"));
        let size = |place: usize| usize::try_from(number(place)).expect("a size");
        let (path_bytes, more_bytes) = (size(24), size(32));
        let Some(path) = bytes.get(at + HEAD_BYTES..at + HEAD_BYTES + path_bytes) else { break };
        let more_at = at + HEAD_BYTES + path_bytes;
        let Some(more) = bytes.get(more_at..more_at + more_bytes) else { break };
        let path_of = |bytes: &[u8]| PathBuf::from(String::from_utf8(bytes.to_vec()).expect("a plain path"));
        let act = match head[0] {
            b'C' => FileOperation::Create,
            b'W' => FileOperation::Write { offset: size(16), bytes: more.into() },
            b'T' => FileOperation::Truncate { length: size(16) },
            b'K' => FileOperation::Whole { bytes: more.into() },
            b'B' => FileOperation::SyncBegins { number: number(16) },
            b'S' => FileOperation::SyncEnds { number: number(16) },
            b'U' => FileOperation::Unlink,
            b'R' => FileOperation::Rename { to: path_of(more) },
            other => panic!("no act has the letter {other}"),
        };
        at = more_at + more_bytes;
        records.push(JournalRecord { end: at as u64, nanos: number(8), path: path_of(path), act });
    }
    records
}

/// A change of a name that may not be safe yet.
#[derive(Debug, Clone)]
enum NameChange {
    Give(PathBuf, usize),
    Take(PathBuf),
    Move(PathBuf, PathBuf, usize),
}

/// The content of a file: what is safe, and the writes after that.
#[derive(Debug, Clone, Default)]
struct FileContent {
    synced: Vec<u8>,
    unsynced: Vec<(usize, FileOperation)>,
}

/// The disk after some of the operations.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    /// How many operations were applied.
    seen: usize,
    contents: Vec<FileContent>,
    /// Names as a program sees them.
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<(usize, NameChange)>,
    /// Syncs in progress: how many operations they cover.
    syncs: BTreeMap<u64, usize>,
}

/// The files after a power cut.
pub type DiskImage = BTreeMap<PathBuf, Vec<u8>>;

impl SimulatedDisk {
    /// A disk on which these files are safe.
    pub fn of(files: DiskImage) -> Self {
        let mut disk = Self::default();
        for (path, synced) in files {
            disk.synced_names.insert(path, disk.contents.len());
            disk.contents.push(FileContent { synced, unsynced: Vec::new() });
        }
        disk.names = disk.synced_names.clone();
        disk
    }

    /// Applies the next operation.
    pub fn apply(&mut self, JournalRecord { path, act, .. }: &JournalRecord) {
        let now = self.seen;
        self.seen += 1;
        match act {
            FileOperation::Create => {
                self.create(path);
            }
            FileOperation::Write { .. } | FileOperation::Truncate { .. } | FileOperation::Whole { .. } => {
                let file = self.names.get(path).copied().unwrap_or_else(|| self.create(path));
                self.contents[file].unsynced.push((now, act.clone()));
            }
            FileOperation::SyncBegins { number } => {
                self.syncs.insert(*number, now);
            }
            FileOperation::SyncEnds { number } => {
                let covered = self.syncs.remove(number).expect("a sync begins before it ends");
                self.sync(path, covered);
            }
            FileOperation::Unlink => {
                self.names.remove(path);
                self.unsynced_names.push((now, NameChange::Take(path.clone())));
            }
            FileOperation::Rename { to } => {
                let file = self.names.remove(path).unwrap_or_else(|| self.create(path));
                self.names.remove(path);
                self.names.insert(to.clone(), file);
                self.unsynced_names.push((now, NameChange::Move(path.clone(), to.clone(), file)));
            }
        }
    }

    fn create(&mut self, path: &Path) -> usize {
        let file = self.contents.len();
        self.contents.push(FileContent::default());
        self.names.insert(path.to_owned(), file);
        self.unsynced_names.push((self.seen - 1, NameChange::Give(path.to_owned(), file)));
        file
    }

    fn sync(&mut self, path: &Path, covered: usize) {
        if let Some(&file) = self.names.get(path) {
            let FileContent { synced, unsynced } = &mut self.contents[file];
            for (_, act) in unsynced.extract_if(.., |(when, _)| *when < covered) {
                write(synced, &act);
            }
        } else {
            // A folder, or a file that was renamed or removed meanwhile: its data is not safe earlier.
            let is_below = |naming: &NameChange| match naming {
                NameChange::Give(name, _) | NameChange::Take(name) | NameChange::Move(_, name, _) => {
                    name.parent() == Some(path)
                }
            };
            for (_, naming) in self.unsynced_names.extract_if(.., |(when, naming)| *when < covered && is_below(naming))
            {
                rename(&mut self.synced_names, naming);
            }
        }
    }

    /// Applies all of them in order.
    pub fn apply_all(&mut self, records: &[JournalRecord]) {
        for record in records {
            self.apply(record);
        }
    }

    /// What a power cut now leaves.
    pub fn image(&self, keep: SurvivingWrites, random: &SeededRandom) -> DiskImage {
        // With `Prefix`, operations from here on are lost.
        let first_unsynced = self.contents.iter().filter_map(|content| content.unsynced.first().map(|(when, _)| *when));
        let first = first_unsynced.chain(self.unsynced_names.first().map(|(when, _)| *when)).min().unwrap_or(self.seen);
        let last = if keep == SurvivingWrites::Prefix {
            first + random_index(random, self.seen - first + 1)
        } else {
            self.seen
        };
        let mut names = self.synced_names.clone();
        for (when, naming) in &self.unsynced_names {
            let kept = match keep {
                SurvivingWrites::Nothing => false,
                SurvivingWrites::Everything => true,
                SurvivingWrites::Prefix => *when < last,
                SurvivingWrites::Pages | SurvivingWrites::Sectors => random_index(random, 2) == 0,
            };
            if kept {
                rename(&mut names, naming.clone());
            }
        }
        names.into_iter().map(|(name, file)| (name, self.contents[file].surviving(keep, last, random))).collect()
    }
}

impl FileContent {
    fn surviving(&self, keep: SurvivingWrites, last: usize, random: &SeededRandom) -> Vec<u8> {
        let mut surviving = self.synced.clone();
        for (when, act) in &self.unsynced {
            match keep {
                SurvivingWrites::Everything => write(&mut surviving, act),
                SurvivingWrites::Prefix if *when + 1 < last => write(&mut surviving, act),
                SurvivingWrites::Prefix if *when + 1 == last => {
                    if let FileOperation::Write { offset, bytes } = act {
                        let sectors = bytes.len().div_ceil(512);
                        let torn = bytes.len().min(random_index(random, sectors + 1) * 512);
                        write(&mut surviving, &FileOperation::Write { offset: *offset, bytes: bytes[..torn].into() });
                    }
                }
                SurvivingWrites::Nothing | SurvivingWrites::Prefix => {}
                SurvivingWrites::Pages => scatter(&mut surviving, act, 4096, random),
                SurvivingWrites::Sectors => scatter(&mut surviving, act, 512, random),
            }
        }
        surviving
    }
}

/// Writes random parts of an operation, in pieces between multiples of `border`.
fn scatter(surviving: &mut Vec<u8>, act: &FileOperation, border: usize, random: &SeededRandom) {
    let FileOperation::Write { offset, bytes } = act else {
        if random_index(random, 2) == 0 {
            write(surviving, act);
        }
        return;
    };
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + border - (offset + at) % border);
        if random_index(random, 2) == 0 {
            write(surviving, &FileOperation::Write { offset: offset + at, bytes: bytes[at..end].into() });
        }
        at = end;
    }
}

fn write(content: &mut Vec<u8>, act: &FileOperation) {
    match act {
        FileOperation::Write { offset, bytes } => {
            if bytes.is_empty() {
                return;
            }
            let end = offset + bytes.len();
            content.resize(content.len().max(end), 0);
            content[*offset..end].copy_from_slice(bytes);
        }
        FileOperation::Truncate { length } => content.resize(*length, 0),
        FileOperation::Whole { bytes } => *content = bytes.to_vec(),
        _ => panic!("{act:?} changes no content"),
    }
}

fn rename(names: &mut BTreeMap<PathBuf, usize>, naming: NameChange) {
    match naming {
        NameChange::Give(name, file) => {
            names.insert(name, file);
        }
        NameChange::Take(name) => {
            names.remove(&name);
        }
        NameChange::Move(from, to, file) => {
            names.remove(&from);
            names.insert(to, file);
        }
    }
}
