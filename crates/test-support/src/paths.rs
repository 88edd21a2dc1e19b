//! Paths of this repository: its root, the program under test, a folder for build output of tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let below = Path::new(env!("CARGO_MANIFEST_DIR"));
    below.ancestors().nth(2).expect("the crate is two folders below the root").to_path_buf()
}

/// The folder of the build profile, such as `target/debug`.
fn profile_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows its own path");
    let folder = own.parent().expect("a program is in a folder");
    let is_below = folder.ends_with("deps") || folder.ends_with("examples");
    if is_below { folder.parent().expect("deps is in the profile's folder") } else { folder }.to_path_buf()
}

/// The `userd` that cargo built for this test: a dependency of the test, so it is never older than the sources.
#[must_use]
pub fn program() -> PathBuf {
    profile_folder().join("userd")
}

/// A folder for build output and locks of tests, kept from run to run.
#[must_use]
pub fn target_tmpdir() -> PathBuf {
    let folder = profile_folder().with_file_name("tmp");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}
