//! The fenced blocks of the pages are checked by the programs that read them: shells, userd, nginx, `HAProxy`, Caddy,
//! Redis. What docs/SECURITY.md names exists. The requests in getting-started.md are made in `getting_started`.
//!
//! # How to add a block
//! Write its kind behind the backticks, with a word of the table in `commands`; a block without a kind fails.

mod commands;
mod configurations;
mod named;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A fenced block of a page.
struct PageBlock {
    /// The page and the line where it begins, for messages.
    at: String,
    /// Its kind, behind the backticks.
    kind: String,
    text: String,
}

/// The README and every page below docs, except the decisions, which describe earlier states.
fn pages() -> Vec<PathBuf> {
    let root = userd_test_support::paths::workspace_root();
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/operations"] {
        let entries = fs::read_dir(root.join(folder)).expect("the folder can be read");
        pages.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

fn blocks() -> Vec<PageBlock> {
    let mut blocks = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page is UTF-8");
        let name = page.file_name().expect("it has a name").to_string_lossy().into_owned();
        let mut open: Option<PageBlock> = None;
        for (line, text) in text.lines().enumerate() {
            match (&mut open, text.trim_start().strip_prefix("```")) {
                (None, Some(kind)) => {
                    let at = format!("{name}:{}", line + 1);
                    open = Some(PageBlock { at, kind: kind.trim().to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(text);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
    }
    blocks
}

fn of_kind(kind: &str) -> Vec<PageBlock> {
    let found: Vec<_> = blocks().into_iter().filter(|block| block.kind == kind).collect();
    assert!(!found.is_empty(), "no page has a block of the kind {kind:?}");
    found
}

/// The program has to succeed; `install` is Debian's package of it.
fn passes(at: &str, command: &mut Command, install: &str) {
    let Output { status, stdout, stderr } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} can't be started ({error}): apt-get install {install}"));
    let said = [stdout, stderr].concat();
    assert!(status.success(), "{at}: {command:?}: {status}\n{}", String::from_utf8_lossy(&said));
}

/// A program in a folder that is only on the PATH of root.
fn server(name: &str) -> Command {
    let mut command = Command::new(name);
    #[expect(clippy::disallowed_methods, reason = "the way in which the system finds a program, and two places more")]
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}
