//! The house rules that a machine can hold: file sizes, words that have no place here. Each failure
//! names file and line. What the rules are for is in CONTRIBUTING.md.

use std::fs;
use std::path::{Path, PathBuf};

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "manager", "data"];

/// Words that have no place in any file, and why.
const WORDS: [(&str, &str); 5] = [
    ("#[allow(", "write #[expect(.., reason = \"..\")], which complains when it is no longer needed"),
    ("#![allow(", "write #[expect(.., reason = \"..\")] at the item, which complains when it is no longer needed"),
    ("#[ignore", "a test that does not run proves nothing"),
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
];

/// Tests that may sleep, and why: each waits for another process, which tells nobody when it is ready.
const SLEEPERS: [(&str, &str); 1] =
    [("crates/test-support/", "polls a server that was started, until it answers or a deadline has passed")];

/// A file that is longer does more than one thing.
const LINES_MAX: usize = 500;

/// This file holds the forbidden words as text.
const SELF: &str = "tests/it/tidy.rs";

struct SourceFile {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
}

#[test]
fn the_house_rules_hold() {
    let files = source_files();
    assert!(files.len() > 20, "only {} files were found: are the tests run in the repository?", files.len());
    let violations: Vec<_> = files.iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn source_files() -> Vec<SourceFile> {
    let root = userd_test_support::paths::workspace_root();
    let mut folders: Vec<PathBuf> = ["crates", "tests", "bench"].map(|folder| root.join(folder)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("the folder can be read").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "lua") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let path = path.strip_prefix(&root).expect("it is below the root").to_string_lossy().replace('\\', "/");
                files.push(SourceFile { path, text });
            }
        }
    }
    files
}

/// Everything that is wrong with one file, a line each.
fn violations(file: &SourceFile) -> Vec<String> {
    let mut violations = Vec::new();
    let mut report = |line: usize, text: String| violations.push(format!("{}:{line}: {text}", file.path));
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        report(lines, format!("{lines} lines are more than {LINES_MAX}: split it"));
    }
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_end() != line {
            report(index + 1, "space at the end of the line".to_owned());
        }
    }
    if Path::new(&file.path).extension().is_none_or(|extension| extension != "rs") {
        return violations;
    }
    if !file.text.starts_with("//!") {
        report(1, "no //! that says what the module is and what it is not".to_owned());
    }
    let stem = file.path.trim_end_matches("/mod.rs").trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        report(1, format!("`{stem}` says nothing: name what it is about"));
    }
    let code = without_comments(&file.text);
    for (line, text) in words(&file.path, &code) {
        report(line, text);
    }
    violations
}

/// The text with comment lines emptied; the line numbers stay.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| if line.trim_start().starts_with("//") { "\n" } else { line }).fold(
        String::new(),
        |mut code, line| {
            code.push_str(line.trim_end_matches('\n'));
            code.push('\n');
            code
        },
    )
}

fn words(path: &str, code: &str) -> Vec<(usize, String)> {
    if path == SELF {
        return Vec::new();
    }
    let is_test = path.starts_with("tests/") || path.starts_with("crates/test-support/");
    let may_sleep = !is_test || SLEEPERS.iter().any(|(sleeper, _)| path.starts_with(sleeper));
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for (word, reason) in WORDS {
            if line.contains(word) {
                found.push((index + 1, format!("`{word}`: {reason}")));
            }
        }
        if !may_sleep && ["::sleep(", ".sleep(", " sleep("].iter().any(|call| line.contains(call)) {
            found.push((index + 1, "a test waits for what it waits for, and does not sleep".to_owned()));
        }
    }
    found
}

fn planted(path: &str, text: &str) -> Vec<String> {
    violations(&SourceFile { path: path.to_owned(), text: format!("//! What it is.\n{text}") })
}

#[test]
fn planted_offences_are_found_with_file_and_line() {
    let cases = [
        ("src/service/users.rs", "use crate::store::{Store, embedded::EmbeddedStore};\n", "`store::embedded`"),
        ("crates/http/src/utils.rs", "", "`utils` says nothing"),
        ("crates/http/src/mod.rs", "#[allow(dead_code)]\n", "crates/http/src/mod.rs:2: `#[allow(`"),
        ("tests/it/http/mod.rs", "#[ignore]\n", "does not run"),
        ("crates/http/src/mod.rs", "fn f() { todo!() }\n", "finish it"),
        ("tests/it/http/mod.rs", "    tokio::time::sleep(d).await;\n", "does not sleep"),
        ("crates/http/src/mod.rs", "fn f() {} \n", "space at the end"),
        ("crates/store-redis/src/claim.lua", "return 1 \n", "space at the end"),
    ];
    for (path, text, expected) in cases {
        let found = planted(path, text);
        assert!(found.iter().any(|offence| offence.contains(expected)), "{path} {text:?}: {found:?}");
    }
    assert!(
        planted("crates/http/src/mod.rs", &"\n".repeat(LINES_MAX)).iter().any(|offence| offence.contains("split it"))
    );
    let bare = SourceFile { path: "crates/http/src/mod.rs".to_owned(), text: "mod api;\n".to_owned() };
    assert!(violations(&bare).iter().any(|offence| offence.contains("no //!")));
}

#[test]
fn what_is_allowed_is_left_alone() {
    for (path, text) in [("crates/test-support/src/lib.rs", "std::thread::sleep(STEP);\n")] {
        assert_eq!(planted(path, text), Vec::<String>::new(), "{path} {text:?}");
    }
}
