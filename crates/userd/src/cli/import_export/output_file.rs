//! A file that is whole or not there: it is written beside its place as `….part`, and takes the place once it is on the
//! disk. For this user's eyes only. The part is locked while it is written, so that what a crash left is told from what
//! somebody writes, and is taken over.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// How much is written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file on its way. Dropped before [`OutputFile::finish`], nothing of it stays.
pub(super) struct OutputFile {
    file: BufWriter<File>,
    part: PathBuf,
    place: PathBuf,
    replace: bool,
    finished: bool,
}

impl OutputFile {
    /// Begins the file that is to be at `place`; what is there is only replaced if `replace` says so.
    pub(super) fn begin(place: &Path, replace: bool) -> io::Result<Self> {
        check_target(place, replace)?;
        let mut name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(".part");
        let part = place.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&part)?;
        if file.try_lock().is_err() || !is_same_file(&file, &part) {
            let part = part.display();
            return Err(refused(format!("{part} is being written by another userd, or is no file of its own")));
        }
        // One that was there may be open to others.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { file, part, place: place.to_owned(), replace, finished: false })
    }

    /// Puts it in its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        // Somebody may have put something there meanwhile.
        check_target(&self.place, self.replace)?;
        fs::rename(&self.part, &self.place)?;
        self.finished = true;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.finished {
            // What can't be removed is named as a part.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Nothing may be there, or a plain file that may be replaced. A link is none: it would be replaced, not what it leads
/// to (`/dev/stdout` is one).
fn check_target(place: &Path, replace: bool) -> io::Result<()> {
    let there = match fs::symlink_metadata(place) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let place = place.display();
    if !there.is_file() {
        return Err(refused(format!("{place} is no regular file; to write to standard output, leave --output out")));
    }
    if !replace {
        return Err(refused(format!("{place} is there already; choose another name, or say --replace")));
    }
    Ok(())
}

/// Whether `path` leads to this very file, and not by a link.
fn is_same_file(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    ours.is_file() && (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

pub(super) fn refused(sentence: String) -> io::Error {
    io::Error::other(sentence)
}
