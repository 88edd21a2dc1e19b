//! The names and words that docs/glossary.md has replaced do not come back.
//!
//! Identifiers are looked up in code, names with a `_`, `-`, `.` or space in literals and pages as well, words of prose
//! in comments, messages, pages and names of tests. Not read: the glossary itself, the changelog, the page of the
//! decision on renaming, and words of stored formats.

use std::fs;

use super::glossary::{OldWord, OldWordKind, old_words};
use super::lexer::SourceLayers;
use super::{files_below, path_in_repository};

/// Pages that have to name the old words.
const EXEMPT_PAGES: [&str; 3] = ["docs/glossary.md", "CHANGELOG.md", "docs/decisions/0024"];

/// Parts of stored formats, with the file that reads or writes them. They are not looked at.
const STORED: [(&str, &str); 3] = [
    ("sealed:", "crates/service/src/key_encryption.rs"),
    ("sealed:", "crates/service/src/signing_keys/key.rs"),
    ("[\"sealed\"]", "crates/test-support/src/forged_tokens.rs"),
];

/// Folders of sources, and the files and folders of prose.
const SOURCES: [&str; 3] = ["crates", "tests", "bench"];
const PROSE: [&str; 10] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "Cargo.toml",
    "Makefile",
    "userd.default.toml",
    ".ci",
    "docs",
    "deploy",
    "scripts",
];

/// A replaced word in a line of a file.
fn report(path: &str, line: usize, word: &OldWord) -> String {
    format!("{path}:{line}: \"{}\" is now: {}", word.text, word.term)
}

/// Where `word` stands in `text` as a whole word, by line numbers.
fn lines_with(text: &str, word: &str, ignores_case: bool) -> Vec<usize> {
    let (text, word) =
        if ignores_case { (text.to_lowercase(), word.to_lowercase()) } else { (text.to_owned(), word.to_owned()) };
    let belongs = |char: char| char.is_alphanumeric() || char == '_';
    // A name with hyphens or points begins and ends where no more of them follow.
    let joins = |char: char| belongs(char) || (word.contains('-') && char == '-');
    let mut found = Vec::new();
    for (at, _) in text.match_indices(&word) {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_bracket = word.starts_with('[');
        if is_bracket || !before.is_some_and(joins) && !after.is_some_and(joins) {
            found.push(text[..at].matches('\n').count() + 1);
        }
    }
    found
}

/// Lines joined for prose: a phrase may go over the end of a line, where a comment mark or a `\` stands.
fn lines_with_phrase(text: &str, phrase: &str) -> Vec<usize> {
    if !phrase.contains(' ') {
        return lines_with(text, phrase, true);
    }
    let mut joined = String::new();
    let mut starts = Vec::new();
    for line in text.lines() {
        starts.push(joined.len());
        let line = line.trim().trim_start_matches(['/', '!', '#', '-']).trim_end_matches('\\');
        joined.push_str(line.trim());
        joined.push(' ');
    }
    // `to_lowercase` keeps the length of ASCII, and the phrases are ASCII.
    let (joined, phrase) = (joined.to_ascii_lowercase(), phrase.to_ascii_lowercase());
    let lines = joined.match_indices(&phrase).filter(|(at, found)| {
        let outside = |char: Option<char>| !char.is_some_and(|char| char.is_alphanumeric() || char == '_');
        outside(joined[..*at].chars().next_back()) && outside(joined[at + found.len()..].chars().next())
    });
    lines.map(|(at, _)| starts.partition_point(|start| *start <= at)).collect()
}

/// The names of functions that are tests or promises, as sentences, each on its line.
fn test_sentences(path: &str, code: &str) -> String {
    let is_promise = path.contains("/conformance/");
    let mut sentences = String::new();
    let mut is_test = false;
    for line in code.lines() {
        let trimmed = line.trim();
        is_test |= trimmed.starts_with("#[") && trimmed.contains("test");
        let function = trimmed.split_once("fn ").filter(|(before, _)| before.is_empty() || before.ends_with(' '));
        if let Some((_, rest)) = function.filter(|_| is_test || is_promise) {
            sentences.push_str(&rest.split(['(', '<']).next().unwrap_or_default().replace('_', " "));
            is_test = false;
        }
        sentences.push('\n');
    }
    sentences
}

/// Everything that is wrong with one file.
fn violations(path: &str, text: &str, words: &[OldWord]) -> Vec<String> {
    let stored = STORED.iter().filter(|(_, file)| path == *file);
    let text = stored.fold(text.to_owned(), |text, (stored, _)| text.replace(stored, ""));
    let layers = match path.rsplit('.').next() {
        Some("rs") => SourceLayers::of_rust(&text),
        Some("lua") => SourceLayers::of_lua(&text),
        _ => SourceLayers::of_prose(&text),
    };
    let is_page = path.rsplit('.').next() == Some("md");
    let is_product = path.starts_with("crates/");
    let sentences = test_sentences(path, &layers.code);
    let mut found = Vec::new();
    for word in words {
        let lines = match word.kind {
            OldWordKind::Identifier if is_product => lines_with(&layers.code, &word.text, false),
            OldWordKind::Identifier => Vec::new(),
            OldWordKind::Name => {
                let code = if is_product { lines_with(&layers.code, &word.text, false) } else { Vec::new() };
                let texts = if is_product || is_page { [&layers.texts, &layers.comments] } else { [&layers.texts; 2] };
                let texts = texts.into_iter().flat_map(|text| lines_with(text, &word.text, false));
                let mut lines: Vec<usize> = code.into_iter().chain(texts).collect();
                lines.dedup();
                lines
            }
            OldWordKind::Prose => {
                // Messages are the program's; what a test compares with may be any text.
                let texts = is_product.then_some(&layers.texts);
                let prose = [Some(&layers.comments), texts, Some(&sentences)].into_iter().flatten();
                prose.flat_map(|text| lines_with_phrase(text, &word.text)).collect()
            }
        };
        found.extend(lines.into_iter().map(|line| report(path, line, word)));
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_words_that_the_glossary_has_replaced_do_not_come_back() {
    let (root, words) = (userd_test_support::paths::workspace_root(), old_words());
    let mut files = Vec::new();
    for folder in SOURCES {
        files.extend(files_below(&root.join(folder), &["rs", "lua"]));
    }
    for path in PROSE.map(|path| root.join(path)) {
        if path.is_dir() {
            files.extend(files_below(&path, &["md", "toml", "yaml", "sh", "conf", "service", "json"]));
        } else {
            files.push(path);
        }
    }
    let mut found = Vec::new();
    for file in files {
        let path = path_in_repository(&file);
        if !EXEMPT_PAGES.iter().any(|exempt| path.starts_with(exempt)) && !path.starts_with("tests/it/tidy/") {
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.extend(violations(&path, &text, &words));
        }
    }
    assert!(found.is_empty(), "{} uses of replaced names and words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn planted_words_are_found_where_they_count_and_nowhere_else() {
    let word = |text: &str, kind| OldWord { text: text.to_owned(), kind, term: "the new one".to_owned() };
    let words = [
        word("May", OldWordKind::Identifier),
        word("seal_key", OldWordKind::Name),
        word("two-users", OldWordKind::Name),
        word("[throttle]", OldWordKind::Name),
        word("nobody", OldWordKind::Prose),
        word("is told", OldWordKind::Prose),
    ];
    for (path, text, expected) in [
        (
            "crates/http/src/a.rs",
            "// May be.\nfn f(may: May) {}\n",
            "crates/http/src/a.rs:2: \"May\" is now: the new one",
        ),
        ("crates/http/src/a.rs", "\nlet key = \"token.seal_key\";\n", ":2: \"seal_key\""),
        ("crates/http/src/a.rs", "//! Nobody may.\n", ":1: \"nobody\""),
        ("crates/http/src/a.rs", "panic!(\"nobody is here\");\n", ":1: \"nobody\""),
        ("crates/http/src/a.rs", "// The client is\n// told.\n", ":1: \"is told\""),
        ("tests/it/a.rs", "#[test]\nfn nobody_is_found() {}\n", ":2: \"nobody\""),
        ("crates/store-redis/src/a.lua", "-- nobody\nlocal nobody = 1\n", ":1: \"nobody\""),
        ("docs/API.md", "`two-users`\n", ":1: \"two-users\""),
        ("userd.default.toml", "# Nobody.\n", ":1: \"nobody\""),
        ("docs/API.md", "[throttle]\n", ":1: \"[throttle]\""),
    ] {
        let found = violations(path, text, &words);
        assert!(found.len() == 1 && found[0].contains(expected), "{text:?}: {found:?}");
    }
    for (path, text) in [
        ("crates/http/src/a.rs", "// May be.\nlet text = \"May be\"; let Mayor = maybe;\n"),
        ("crates/http/src/a.rs", "fn seal_keys(two_users: u8) {}\n"),
        ("tests/it/a.rs", "#[test]\nfn the_first() { assert(\"nobody\"); }\nfn nobody() {}\n"),
        ("docs/API.md", "Two users, not-two-users-at-all.\n"),
    ] {
        assert_eq!(violations(path, text, &words), Vec::<String>::new(), "{text:?}");
    }
}
