//! Rules for each source file: its size, the width of its lines, its name, its first line, code that has no place here.
//! A failure names file and line.

use std::fs;
use std::path::{Path, PathBuf};

use super::{files_below, path_in_repository};

/// File names without a meaning.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "manager", "data"];

/// Code that has no place in any file, and why.
const FORBIDDEN: [(&str, &str); 5] = [
    ("#[allow(", "write #[expect(.., reason = \"..\")], which complains when it is no longer needed"),
    ("#![allow(", "write #[expect(.., reason = \"..\")] at the item, which complains when it is no longer needed"),
    ("#[ignore", "a test that does not run proves nothing"),
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
];

/// Tests that may sleep, and why: each waits for another process that sends no signal when it is ready.
const SLEEPERS: [(&str, &str); 1] =
    [("crates/test-support/", "polls a server that was started, until it answers or a deadline has passed")];

/// A file that is longer does more than one thing.
const LINES_MAX: usize = 500;

/// The width that `rustfmt.toml` sets. rustfmt leaves comments alone; a line with a text may be as long as the text.
const WIDTH_MAX: usize = 120;

/// This file holds the forbidden code as text.
const SELF: &str = "tests/it/tidy/files.rs";

struct SourceFile {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
}

#[test]
fn every_source_file_keeps_the_rules() {
    let files = source_files();
    assert!(files.len() > 20, "only {} files were found: are the tests run in the repository?", files.len());
    let mut violations: Vec<_> = files.iter().flat_map(violations).collect();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    violations.extend(modules_beside_their_folder(&paths));
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn source_files() -> Vec<SourceFile> {
    let root = userd_test_support::paths::workspace_root();
    let folders = ["crates", "tests", "bench"].map(|folder| root.join(folder));
    let paths = folders.iter().flat_map(|folder| files_below(folder, &["rs", "lua"]));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        SourceFile { path: path_in_repository(&path), text }
    };
    paths.map(read).collect()
}

/// Modules with children that stand beside their folder instead of in it.
fn modules_beside_their_folder(paths: &[&str]) -> Vec<String> {
    let is_beside = |path: &&&str| {
        let folder = path.strip_suffix(".rs").map(|stem| format!("{stem}/"));
        folder.is_some_and(|folder| paths.iter().any(|other| other.starts_with(&folder)))
    };
    paths
        .iter()
        .filter(is_beside)
        .map(|path| format!("{path}: move it to {}/mod.rs", path.trim_end_matches(".rs")))
        .collect()
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
        let width = line.chars().count();
        let is_comment = ["//", "--"].iter().any(|mark| line.trim_start().starts_with(mark));
        // rustfmt breaks code where it can; snapshots, SQL and scripts are literals whose lines it must not break.
        if width > WIDTH_MAX && is_comment {
            report(index + 1, format!("{width} columns are more than {WIDTH_MAX}"));
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
    for (line, text) in forbidden_code(&file.path, &code) {
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

fn forbidden_code(path: &str, code: &str) -> Vec<(usize, String)> {
    if path == SELF {
        return Vec::new();
    }
    let is_test = path.starts_with("tests/") || path.starts_with("crates/test-support/");
    let may_sleep = !is_test || SLEEPERS.iter().any(|(sleeper, _)| path.starts_with(sleeper));
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for (word, reason) in FORBIDDEN {
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
fn planted_violations_are_found_with_file_and_line() {
    let cases = [
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
        assert!(found.iter().any(|violation| violation.contains(expected)), "{path} {text:?}: {found:?}");
    }
    assert!(
        planted("crates/http/src/mod.rs", &"\n".repeat(LINES_MAX))
            .iter()
            .any(|violation| violation.contains("split it"))
    );
    assert!(
        planted("crates/http/src/mod.rs", &format!("// {}", "x".repeat(WIDTH_MAX)))
            .iter()
            .any(|violation| violation.contains("columns"))
    );
    let flat = modules_beside_their_folder(&[
        "crates/http/src/api.rs",
        "crates/http/src/api/users.rs",
        "crates/http/src/apis.rs",
    ]);
    assert_eq!(flat, ["crates/http/src/api.rs: move it to crates/http/src/api/mod.rs"]);
    let bare = SourceFile { path: "crates/http/src/mod.rs".to_owned(), text: "mod api;\n".to_owned() };
    assert!(violations(&bare).iter().any(|violation| violation.contains("no //!")));
}

#[test]
fn test_support_may_sleep() {
    assert_eq!(planted("crates/test-support/src/lib.rs", "std::thread::sleep(STEP);\n"), Vec::<String>::new());
}
