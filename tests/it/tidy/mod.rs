//! The house rules that a program can check. What they are for is in CONTRIBUTING.md.
//!
//! | file | what it checks |
//! |---|---|
//! | `files` | sizes of files, width of lines, the first line, names of files, code that has no place here |
//! | `circles` | no files of a crate name one another in a circle |
//! | `names` | how many type names are one everyday word, or belong to several types |
//! | `words` | names and words that docs/glossary.md has replaced |
//! | `figures` | other figures with a limit: the share of `use` lines in endpoint files |
//!
//! `imports`, `lexer` and `glossary` read what these need.

mod circles;
mod figures;
mod files;
mod glossary;
mod imports;
mod lexer;
mod names;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// The `src` folders of all crates.
fn all_crates() -> Vec<PathBuf> {
    let crates = userd_test_support::paths::workspace_root().join("crates");
    let mut folders: Vec<PathBuf> = fs::read_dir(&crates)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry can be read").path().join("src"))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() > 5, "only {} crates were found below {}", folders.len(), crates.display());
    folders
}

/// The `src` folders of the crates that make the product.
fn product_crates() -> Vec<PathBuf> {
    all_crates().into_iter().filter(|source| !source.ends_with("test-support/src")).collect()
}

/// Every file below `folder` with one of these extensions, in order.
fn files_below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A file's path from the root of the repository, with `/`.
fn path_in_repository(file: &Path) -> String {
    let root = userd_test_support::paths::workspace_root();
    file.strip_prefix(root).expect("it is below the root").to_string_lossy().replace('\\', "/")
}
