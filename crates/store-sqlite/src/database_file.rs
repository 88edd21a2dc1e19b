//! The database file and its folder: path, permissions, and durability of their creation.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::errors::OpenError;

/// The canonical form of `path`, so that two links to one file have one lock; creates the folder.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    if let Ok(existing) = path.canonicalize() {
        return Ok(existing);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
    create_folder(folder).map_err(failed)?;
    let name = path.file_name().ok_or_else(|| OpenError::File {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"),
    })?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

/// Creates the folder and its missing parents, and syncs them: without an fsync of the parent, a loss of power could
/// drop the folder with the database and its acknowledged users.
fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    for path in missing {
        sync_folder(path.parent())?;
    }
    Ok(())
}

#[cfg(unix)]
pub(super) fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let folder = folder.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: Option<&Path>) -> io::Result<()> {
    Ok(())
}

/// Creates the file before SQLite does, readable by its owner only; SQLite gives its log the same mode.
///
/// An existing file is not opened here: closing it would drop SQLite's locks (see `lock`).
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    if fs::exists(path).map_err(failed)? {
        return Ok(());
    }
    owner_only(OpenOptions::new().write(true).create_new(true)).open(path).map_err(failed)?;
    #[cfg(unix)]
    sync_folder(path.parent()).map_err(failed)?;
    Ok(())
}

/// `options` that create files readable and writable by their owner only.
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
