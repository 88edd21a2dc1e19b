//! A file that is complete or absent: it is written beside its place as `….part`, and renamed when it is synced to
//! disk. Only its owner can read it. The part is locked while it is written, so that one left by a crash is
//! distinguished from one in use, and is reused.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The size of one write.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file being written. Dropping it before [`OutputFile::finish`] removes it.
pub(super) struct OutputFile {
    /// What the caller writes to.
    pub(super) file: BufWriter<File>,
    part: PathBuf,
    place: PathBuf,
    replace: bool,
    finished: bool,
}

impl OutputFile {
    /// Starts the file for `place`. An existing file is an error without `replace`.
    pub(super) fn create(place: &Path, replace: bool) -> io::Result<Self> {
        check_target(place, replace)?;
        let mut name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(".part");
        let part = place.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&part)?;
        if file.try_lock().is_err() || !is_same_file(&file, &part) {
            let part = part.display();
            return Err(io::Error::other(format!(
                "{part} is being written by another userd, or is not a regular file"
            )));
        }
        // A reused part may be readable by others.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { file, part, place: place.to_owned(), replace, finished: false })
    }

    /// Syncs the file and renames it to its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        // Another program may have created a file there meanwhile.
        check_target(&self.place, self.replace)?;
        fs::rename(&self.part, &self.place)?;
        self.finished = true;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.finished {
            // If this fails, the name says that it is a part.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Accepts an absent file, or a regular file with `replace`. A link (such as `/dev/stdout`) is rejected: the rename
/// would replace the link and not its target.
fn check_target(place: &Path, replace: bool) -> io::Result<()> {
    let existing = match fs::symlink_metadata(place) {
        Ok(existing) => existing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let place = place.display();
    if !existing.is_file() {
        let advice = "to write to standard output, omit --output";
        return Err(io::Error::other(format!("{place} is not a regular file; {advice}")));
    }
    if !replace {
        return Err(io::Error::other(format!("{place} exists already; choose another name, or use --replace")));
    }
    Ok(())
}

/// Whether `path` is this very file, and not a link to it.
fn is_same_file(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    ours.is_file() && (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}
