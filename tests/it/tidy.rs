//! The house rules that a machine can hold: layers, file sizes, words that have no place here. Each failure
//! names file and line. What the rules are for is in CONTRIBUTING.md.

use std::fs;
use std::path::{Path, PathBuf};

/// A layer, and what it may name of the crate. The longest matching layer counts; `store` alone is its contract,
/// without the implementations below it. Every layer may name itself.
pub const LAYERS: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("clock", &["domain"]),
    ("random", &[]),
    ("metrics", &[]),
    ("store", &["domain", "metrics"]),
    ("store::embedded", &["store", "domain", "clock", "random", "metrics"]),
    ("store::redis", &["store", "domain", "clock", "random", "metrics"]),
    ("service", &["store", "domain", "clock", "random", "metrics"]),
    ("http", &["service", "store", "domain", "clock", "random", "metrics"]),
    ("config", &[]),
    (
        "app",
        &[
            "http",
            "service",
            "store",
            "store::embedded",
            "store::redis",
            "domain",
            "clock",
            "random",
            "metrics",
            "config",
        ],
    ),
    ("cli", &["app", "service", "store", "store::embedded", "store::redis", "domain", "clock", "random", "config"]),
];

/// A crate that only one layer may name.
const CRATES: [(&str, &str); 5] = [
    ("rocket", "http"),
    ("redis", "store::redis"),
    ("rusqlite", "store::embedded"),
    ("prometheus_client", "metrics"),
    ("opentelemetry", "app"),
];

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
    [("tests/it/support/", "polls a server that was started, until it answers or a deadline has passed")];

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
    let offences: Vec<_> = files.iter().flat_map(offences).collect();
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

fn source_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "tests", "benches", "bench"].map(|folder| root.join(folder)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("the folder can be read").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "lua") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let path = path.strip_prefix(root).expect("it is below the root").to_string_lossy().replace('\\', "/");
                files.push(SourceFile { path, text });
            }
        }
    }
    files
}

/// Everything that is wrong with one file, a line each.
fn offences(file: &SourceFile) -> Vec<String> {
    let mut offences = Vec::new();
    let mut report = |line: usize, text: String| offences.push(format!("{}:{line}: {text}", file.path));
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
        return offences;
    }
    if !file.text.starts_with("//!") {
        report(1, "no //! that says what the module is and what it is not".to_owned());
    }
    let stem = file.path.trim_end_matches("/mod.rs").trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        report(1, format!("`{stem}` says nothing: name what it is about"));
    }
    let code = without_comments(&file.text);
    let uses_of_crates = foreign_crates(&file.path, &code);
    for (line, text) in words(&file.path, &code).into_iter().chain(layers(&file.path, &code)).chain(uses_of_crates) {
        report(line, text);
    }
    offences
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
    let may_sleep = !path.starts_with("tests/") || SLEEPERS.iter().any(|(sleeper, _)| path.starts_with(sleeper));
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

/// The module that `src/<path>` is: `["store", "redis", "keys"]`.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.trim_end_matches(".rs");
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    (!matches!(inside, "lib" | "main")).then_some(module)
}

/// The longest layer that `module` lies in.
fn layer_of(module: &[String]) -> Option<&'static str> {
    let name = module.join("::");
    let inside = |layer: &str| name == layer || name.strip_prefix(layer).is_some_and(|rest| rest.starts_with("::"));
    LAYERS.iter().map(|(layer, _)| *layer).filter(|layer| inside(layer)).max_by_key(|layer| layer.len())
}

/// Uses of other parts of the crate that the table does not allow.
fn layers(path: &str, code: &str) -> Vec<(usize, String)> {
    let Some(module) = module_of(path) else { return Vec::new() };
    let Some(layer) = layer_of(&module) else {
        return vec![(1, format!("{} is no layer: add it to the table in {SELF}", module.join("::")))];
    };
    let allowed = LAYERS.iter().find(|(name, _)| *name == layer).map_or(&[][..], |(_, allowed)| allowed);
    let tests_begin = code.find("\nmod tests {").unwrap_or(code.len());
    let mut found = Vec::new();
    for (at, root) in path_starts(code) {
        // A path of `super::` begins at a parent; in `mod tests`, one `super` is the file's own module.
        let mut base = if root == "crate::" { Vec::new() } else { module.clone() };
        let mut rest = &code[at + root.len()..];
        if root == "super::" {
            let mut ups = 1;
            while let Some(after) = rest.strip_prefix("super::") {
                rest = after;
                ups += 1;
            }
            let inner = usize::from(at > tests_begin);
            base.truncate((base.len() + inner).saturating_sub(ups).min(base.len()));
        }
        for target in expand(rest) {
            let target: Vec<_> = base.iter().cloned().chain(target).collect();
            let Some(target_layer) = layer_of(&target) else { continue };
            if target_layer != layer && !allowed.contains(&target_layer) {
                let line = code[..at].matches('\n').count() + 1;
                found.push((line, format!("`{layer}` must not name `{target_layer}`")));
            }
        }
    }
    found
}

/// Where paths into the crate begin, and how; the second `super` of a path is no beginning.
fn path_starts(code: &str) -> Vec<(usize, &'static str)> {
    let mut starts = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && !"_:$".contains(before) {
                starts.push((at, root));
            }
        }
    }
    starts
}

/// The paths that a use tree begins with: `{a::b, c}` gives `[a, b]` and `[c]`; at most three names each.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let name: String = tree.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    if let Some(inner) = tree.strip_prefix('{') {
        return split_group(inner).into_iter().flat_map(|branch| expand(branch.trim())).collect();
    }
    let rest = tree[name.len()..].strip_prefix("::").map(expand).unwrap_or_default();
    if rest.is_empty() {
        return vec![vec![name]];
    }
    rest.into_iter().map(|tail| std::iter::once(name.clone()).chain(tail).take(3).collect()).collect()
}

/// The branches of a group up to its closing brace.
fn split_group(inner: &str) -> Vec<&str> {
    let (mut depth, mut start, mut branches) = (0_usize, 0, Vec::new());
    for (at, char) in inner.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => {
                branches.push(&inner[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.retain(|branch| !branch.trim().is_empty());
    branches
}

/// Crates that are named outside the one layer that may.
fn foreign_crates(path: &str, code: &str) -> Vec<(usize, String)> {
    let Some(module) = module_of(path) else { return Vec::new() };
    let layer = layer_of(&module);
    let mut found = Vec::new();
    for (name, home) in CRATES.into_iter().filter(|(_, home)| layer != Some(home)) {
        for (at, _) in code.match_indices(&format!("{name}::")) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && !"_:\"".contains(before) {
                let line = code[..at].matches('\n').count() + 1;
                found.push((line, format!("only `{home}` names the crate `{name}`")));
            }
        }
    }
    found
}

fn planted(path: &str, text: &str) -> Vec<String> {
    offences(&SourceFile { path: path.to_owned(), text: format!("//! What it is.\n{text}") })
}

#[test]
fn planted_offences_are_found_with_file_and_line() {
    let cases = [
        ("src/domain/user.rs", "use crate::store::Store;\n", "src/domain/user.rs:2: `domain` must not name `store`"),
        ("src/store/mod.rs", "use crate::{\n    domain::User,\n    service::{Users, hashing},\n};", "`service`"),
        ("src/store/embedded/rows.rs", "use super::super::redis::keys;\n", "must not name `store::redis`"),
        ("src/store/embedded/mod.rs", "use super::redis::keys;\n", "must not name `store::redis`"),
        ("src/service/users.rs", "\nfn f(s: crate::store::redis::RedisStore) {}\n", "users.rs:3: `service` must not"),
        ("src/service/users.rs", "use crate::store::{Store, embedded::EmbeddedStore};\n", "`store::embedded`"),
        ("src/http/mod.rs", "use super::config::Config;\n", "`http` must not name `config`"),
        ("src/config/mod.rs", "#[cfg(test)]\nmod tests {\n    use super::super::app;\n}\n", "must not name `app`"),
        ("src/app/mod.rs", "use rocket::Rocket;\n", "only `http` names the crate `rocket`"),
        ("src/service/users.rs", "fn f() -> redis::Value {}\n", "only `store::redis` names the crate `redis`"),
        ("src/store/redis/mod.rs", "use rusqlite::Connection;\n", "only `store::embedded` names"),
        ("src/elsewhere.rs", "", "elsewhere is no layer"),
        ("src/http/utils.rs", "", "`utils` says nothing"),
        ("src/http/mod.rs", "#[allow(dead_code)]\n", "src/http/mod.rs:2: `#[allow(`"),
        ("tests/it/http/mod.rs", "#[ignore]\n", "does not run"),
        ("src/http/mod.rs", "fn f() { todo!() }\n", "finish it"),
        ("tests/it/http/mod.rs", "    tokio::time::sleep(d).await;\n", "does not sleep"),
        ("src/http/mod.rs", "fn f() {} \n", "space at the end"),
        ("src/store/redis/claim.lua", "return 1 \n", "space at the end"),
    ];
    for (path, text, expected) in cases {
        let found = planted(path, text);
        assert!(found.iter().any(|offence| offence.contains(expected)), "{path} {text:?}: {found:?}");
    }
    assert!(planted("src/http/mod.rs", &"\n".repeat(LINES_MAX)).iter().any(|offence| offence.contains("split it")));
    let bare = SourceFile { path: "src/http/mod.rs".to_owned(), text: "mod api;\n".to_owned() };
    assert!(offences(&bare).iter().any(|offence| offence.contains("no //!")));
}

#[test]
fn what_is_allowed_is_left_alone() {
    let cases = [
        ("src/store/redis/mod.rs", "use redis::aio;\nuse crate::store::Store;\nuse super::Insert;\n"),
        ("src/store/redis/keys.rs", "use super::super::StoreError;\nuse crate::random::Random;\n"),
        ("src/app/wiring.rs", "use crate::store::redis::RedisStore;\nuse crate::http::{self, Services};\n"),
        ("src/http/api/users.rs", "// crate::config is not named\nuse rocket::get;\nuse crate::store::Store;\n"),
        ("src/config/mod.rs", "use layers::Layers;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n"),
        ("src/app/mod.rs", "fn f() { crate::http::rocket(&settings); }\n"),
        ("tests/it/support/mod.rs", "std::thread::sleep(STEP);\n"),
    ];
    for (path, text) in cases {
        assert_eq!(planted(path, text), Vec::<String>::new(), "{path} {text:?}");
    }
}
