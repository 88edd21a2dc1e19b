//! What a program did to its files, and what a power cut at any point of it would have left on the disk.
//!
//! The strictest disk that POSIX allows: what was written to a file is safe once a sync of that file has ended
//! that began after the write; a name is safe once its folder was synced. Everything else may be there, in
//! part, or not at all ([`Keep`]).
//!
//! Not the recorder: see `power_loss`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use userd_core::random::{Random, SeededRandom};

/// What follows the letter of an act in `power_loss.c`.
const MARK: &[u8; 7] = b"power:\0";

/// The bytes of `struct head`.
const HEAD_BYTES: usize = 40;

/// What becomes of writes that no sync has made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All are lost.
    Nothing,
    /// The first of them are there, the last of these torn at the border of a sector.
    Prefix,
    /// Each page of 4096 bytes is there or not.
    Pages,
    /// Each sector of 512 bytes is there or not.
    Sectors,
    /// All are there: what a `kill -9` leaves.
    Everything,
}

impl Keep {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Nothing, Self::Prefix, Self::Pages, Self::Sectors, Self::Everything];
}

/// One act.
#[derive(Debug, Clone)]
pub struct Record {
    /// The bytes of the journal up to and with it.
    pub end: u64,
    /// When, on a clock that begins somewhere.
    pub nanos: u64,
    /// The file or folder.
    pub path: PathBuf,
    /// What.
    pub act: Act,
}

/// What was done.
#[derive(Debug, Clone)]
pub enum Act {
    Create,
    Write { offset: usize, bytes: Rc<[u8]> },
    Truncate { length: usize },
    Whole { bytes: Rc<[u8]> },
    SyncBegins { number: u64 },
    SyncEnds { number: u64 },
    Unlink,
    Rename { to: PathBuf },
}

/// Reads the journal; a last record that was cut by the end of the process is left out.
pub fn read(journal: &Path) -> Vec<Record> {
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
            b'C' => Act::Create,
            b'W' => Act::Write { offset: size(16), bytes: more.into() },
            b'T' => Act::Truncate { length: size(16) },
            b'K' => Act::Whole { bytes: more.into() },
            b'B' => Act::SyncBegins { number: number(16) },
            b'S' => Act::SyncEnds { number: number(16) },
            b'U' => Act::Unlink,
            b'R' => Act::Rename { to: path_of(more) },
            other => panic!("no act has the letter {other}"),
        };
        at = more_at + more_bytes;
        records.push(Record { end: at as u64, nanos: number(8), path: path_of(path), act });
    }
    records
}

/// A change of a name that may not be safe yet.
#[derive(Debug, Clone)]
enum Naming {
    Give(PathBuf, usize),
    Take(PathBuf),
    Move(PathBuf, PathBuf, usize),
}

/// The content of a file: what is safe, and what came after.
#[derive(Debug, Clone, Default)]
struct Content {
    safe: Vec<u8>,
    open: Vec<(usize, Act)>,
}

/// The disk after some of the acts.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// How many acts it has seen.
    seen: usize,
    contents: Vec<Content>,
    /// Names as a program sees them.
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    open_names: Vec<(usize, Naming)>,
    /// Syncs that have begun: how much they cover.
    syncs: BTreeMap<u64, usize>,
}

/// The files that a power cut has left.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

impl Disk {
    /// A disk that holds these files safely.
    pub fn of(files: Image) -> Self {
        let mut disk = Self::default();
        for (path, safe) in files {
            disk.safe_names.insert(path, disk.contents.len());
            disk.contents.push(Content { safe, open: Vec::new() });
        }
        disk.names = disk.safe_names.clone();
        disk
    }

    /// Lets the next act happen.
    pub fn apply(&mut self, Record { path, act, .. }: &Record) {
        let now = self.seen;
        self.seen += 1;
        match act {
            Act::Create => {
                self.create(path);
            }
            Act::Write { .. } | Act::Truncate { .. } | Act::Whole { .. } => {
                let file = self.names.get(path).copied().unwrap_or_else(|| self.create(path));
                self.contents[file].open.push((now, act.clone()));
            }
            Act::SyncBegins { number } => {
                self.syncs.insert(*number, now);
            }
            Act::SyncEnds { number } => {
                let covered = self.syncs.remove(number).expect("a sync begins before it ends");
                self.sync(path, covered);
            }
            Act::Unlink => {
                self.names.remove(path);
                self.open_names.push((now, Naming::Take(path.clone())));
            }
            Act::Rename { to } => {
                let file = self.names.remove(path).unwrap_or_else(|| self.create(path));
                self.names.remove(path);
                self.names.insert(to.clone(), file);
                self.open_names.push((now, Naming::Move(path.clone(), to.clone(), file)));
            }
        }
    }

    fn create(&mut self, path: &Path) -> usize {
        let file = self.contents.len();
        self.contents.push(Content::default());
        self.names.insert(path.to_owned(), file);
        self.open_names.push((self.seen - 1, Naming::Give(path.to_owned(), file)));
        file
    }

    fn sync(&mut self, path: &Path, covered: usize) {
        if let Some(&file) = self.names.get(path) {
            let Content { safe, open } = &mut self.contents[file];
            for (_, act) in open.extract_if(.., |(when, _)| *when < covered) {
                write(safe, &act);
            }
        } else {
            // A folder, or a file that has been renamed or removed meanwhile: that one is safe no earlier.
            let below = |naming: &Naming| match naming {
                Naming::Give(name, _) | Naming::Take(name) | Naming::Move(_, name, _) => name.parent() == Some(path),
            };
            for (_, naming) in self.open_names.extract_if(.., |(when, naming)| *when < covered && below(naming)) {
                rename(&mut self.safe_names, naming);
            }
        }
    }

    /// Lets all of them happen, one after another.
    pub fn apply_all(&mut self, records: &[Record]) {
        for record in records {
            self.apply(record);
        }
    }

    /// What a power cut now leaves.
    pub fn image(&self, keep: Keep, random: &SeededRandom) -> Image {
        // With `Prefix`, acts from here on are lost.
        let first_open = self.contents.iter().filter_map(|content| content.open.first().map(|(when, _)| *when));
        let first = first_open.chain(self.open_names.first().map(|(when, _)| *when)).min().unwrap_or(self.seen);
        let last = if keep == Keep::Prefix { first + below(random, self.seen - first + 1) } else { self.seen };
        let mut names = self.safe_names.clone();
        for (when, naming) in &self.open_names {
            let kept = match keep {
                Keep::Nothing => false,
                Keep::Everything => true,
                Keep::Prefix => *when < last,
                Keep::Pages | Keep::Sectors => below(random, 2) == 0,
            };
            if kept {
                rename(&mut names, naming.clone());
            }
        }
        names.into_iter().map(|(name, file)| (name, self.contents[file].left(keep, last, random))).collect()
    }
}

impl Content {
    fn left(&self, keep: Keep, last: usize, random: &SeededRandom) -> Vec<u8> {
        let mut left = self.safe.clone();
        for (when, act) in &self.open {
            match keep {
                Keep::Everything => write(&mut left, act),
                Keep::Prefix if *when + 1 < last => write(&mut left, act),
                Keep::Prefix if *when + 1 == last => {
                    if let Act::Write { offset, bytes } = act {
                        let sectors = bytes.len().div_ceil(512);
                        let torn = bytes.len().min(below(random, sectors + 1) * 512);
                        write(&mut left, &Act::Write { offset: *offset, bytes: bytes[..torn].into() });
                    }
                }
                Keep::Nothing | Keep::Prefix => {}
                Keep::Pages => scatter(&mut left, act, 4096, random),
                Keep::Sectors => scatter(&mut left, act, 512, random),
            }
        }
        left
    }
}

/// Writes a random part of an act, in pieces between multiples of `border`.
fn scatter(left: &mut Vec<u8>, act: &Act, border: usize, random: &SeededRandom) {
    let Act::Write { offset, bytes } = act else {
        if below(random, 2) == 0 {
            write(left, act);
        }
        return;
    };
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + border - (offset + at) % border);
        if below(random, 2) == 0 {
            write(left, &Act::Write { offset: offset + at, bytes: bytes[at..end].into() });
        }
        at = end;
    }
}

fn write(content: &mut Vec<u8>, act: &Act) {
    match act {
        Act::Write { offset, bytes } => {
            if bytes.is_empty() {
                return;
            }
            let end = offset + bytes.len();
            content.resize(content.len().max(end), 0);
            content[*offset..end].copy_from_slice(bytes);
        }
        Act::Truncate { length } => content.resize(*length, 0),
        Act::Whole { bytes } => *content = bytes.to_vec(),
        _ => panic!("{act:?} changes no content"),
    }
}

fn rename(names: &mut BTreeMap<PathBuf, usize>, naming: Naming) {
    match naming {
        Naming::Give(name, file) => {
            names.insert(name, file);
        }
        Naming::Take(name) => {
            names.remove(&name);
        }
        Naming::Move(from, to, file) => {
            names.remove(&from);
            names.insert(to, file);
        }
    }
}

/// A number below `end`, which is not 0.
pub fn below(random: &SeededRandom, end: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % end as u64).expect("it is below a usize")
}
