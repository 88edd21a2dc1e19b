//! The documents agree with the program: links, limits, log messages, layers. Not the style of the prose.
//!
//! What needs other programs is in `tests/deploy-checks`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ARCHITECTURE: &str = include_str!("../../docs/ARCHITECTURE.md");
const LIMITS: &str = include_str!("../../docs/operations/limits.md");
const TROUBLESHOOTING: &str = include_str!("../../docs/operations/troubleshooting.md");

/// The least length of a part of a sentence that is looked up; shorter parts are found anywhere.
const PIECE_CHARS_MIN: usize = 12;

/// All pages.
fn pages() -> Vec<PathBuf> {
    let root = userd_test_support::paths::workspace_root();
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/decisions", "docs/operations"].map(|folder| root.join(folder)) {
        let entries = fs::read_dir(folder).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("an entry can be read").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages
}

/// GitHub's anchor of a heading: lower case, hyphens for spaces, only letters, digits and `_`.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).expect("a page is UTF-8");
    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let (mut broken, mut followed) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page is UTF-8");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.with_file_name(path) };
            let leads = target.exists() && (heading.is_empty() || anchors(&target).contains(heading));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
            followed += 1;
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(followed > 40, "only {followed} links were found");
}

#[test]
fn the_index_of_decisions_lists_every_page() {
    let index = include_str!("../../docs/decisions/README.md");
    for page in pages().iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("decisions"))) {
        let name = page.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name} is not in the index");
    }
}

/// The cells of the table below `heading`, row by row, without the separator row.
fn rows(document: &'static str, heading: &str) -> Vec<Vec<&'static str>> {
    let section = document.split("\n## ").find(|section| section.starts_with(heading)).expect("the section is there");
    let rows = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Every key of the default configuration with a number as its value.
fn numbers_of_the_reference() -> BTreeMap<String, String> {
    let (mut numbers, mut section) = (BTreeMap::new(), "");
    for line in userd::config::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else { continue };
        if value.parse::<u64>().is_ok() {
            let key = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            numbers.insert(key, value.to_owned());
        }
    }
    numbers
}

#[test]
fn the_table_of_limits_is_that_of_the_reference() {
    let shown: BTreeMap<String, String> = rows(LIMITS, "Limits")
        .into_iter()
        .skip(1)
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].to_owned()))
        .collect();
    assert_eq!(shown, numbers_of_the_reference());
}

/// The source of the program, with line continuations in texts removed.
fn source() -> String {
    let root = userd_test_support::paths::workspace_root().join("crates");
    let (mut folders, mut text) = (vec![root], String::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).expect("a source file is UTF-8"));
            }
        }
    }
    let pieces: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
    pieces.concat()
}

#[test]
fn the_sentences_that_operators_look_up_are_those_of_the_program() {
    let source = source();
    let mut looked_up = 0;
    for heading in ["Start-up checks of Redis", "Log messages"] {
        for row in rows(TROUBLESHOOTING, heading).into_iter().filter(|row| row[0].starts_with('`')) {
            for piece in row[0].trim_matches('`').split('…') {
                let piece = piece.trim_matches([' ', '(', ')']);
                if piece.chars().count() >= PIECE_CHARS_MIN {
                    assert!(source.contains(piece), "no source has {piece:?}");
                    looked_up += 1;
                }
            }
        }
    }
    assert!(looked_up > 25, "only {looked_up} sentences were found");
}

/// The dependencies of each crate of the workspace, without those of its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(userd_test_support::paths::workspace_root())
        .output()
        .expect("cargo can be started");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter().map(|package| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        (name(package), all.filter(|dependency| dependency["kind"].is_null()).map(name).collect())
    });
    packages.collect()
}

/// The page's name of a crate: without `userd-`, except for the program's crate.
fn crate_name(package: &str) -> String {
    package.strip_prefix("userd-").unwrap_or(package).to_owned()
}

#[test]
fn the_table_of_layers_has_the_dependencies_of_each_crate() {
    let is_ours = |name: &&String| *name == "userd" || name.starts_with("userd-");
    let dependencies = dependencies();
    let declared: BTreeMap<String, BTreeSet<String>> = dependencies
        .iter()
        .map(|(package, all)| (crate_name(package), all.iter().filter(is_ours).map(|name| crate_name(name)).collect()))
        .collect();
    let table = rows(ARCHITECTURE, "Layers").into_iter().filter(|row| row[0].starts_with('`'));
    let shown: BTreeMap<String, BTreeSet<String>> = table
        .map(|row| {
            let used = row[1].split(',').map(str::trim).filter(|name| !name.is_empty());
            (row[0].trim_matches('`').to_owned(), used.map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(shown, declared);

    // "The only crate that names …", among the crates of the program.
    for row in rows(ARCHITECTURE, "Layers") {
        let Some((_, library)) = row[2].split_once("the only crate that names `") else { continue };
        let library = library.split('`').next().unwrap_or_default();
        let users =
            dependencies.iter().filter(|(package, all)| *package != "userd-test-support" && all.contains(library));
        let users: Vec<String> = users.map(|(package, _)| crate_name(package)).collect();
        assert_eq!(users, [row[0].trim_matches('`')], "the crates that depend on {library}");
    }
}
