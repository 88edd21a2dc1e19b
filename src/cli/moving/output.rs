//! A file that is whole or not there: it is written beside its place under another name, and takes the place once it
//! is on the disk. For this user's eyes only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How much is written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file on its way. Dropped before [`OutputFile::finish`], nothing of it stays.
pub(super) struct OutputFile {
    file: BufWriter<File>,
    part: PathBuf,
    place: PathBuf,
    finished: bool,
}

impl OutputFile {
    /// Begins the file that is to be at `place`.
    pub(super) fn begin(place: &Path) -> io::Result<Self> {
        let mut name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".part-{}", std::process::id()));
        let part = place.with_file_name(name);
        let file = create_private(&part)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { file, part, place: place.to_owned(), finished: false })
    }

    /// Puts it in its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.part, &self.place)?;
        self.finished = true;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
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

/// A new file that only its owner can read.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
