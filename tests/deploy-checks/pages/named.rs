//! What the pages name exists: tests and files in docs/SECURITY.md, modules in docs/ARCHITECTURE.md.

use std::fs;
use std::path::PathBuf;

fn root(of: &str) -> PathBuf {
    userd_test_support::paths::workspace_root().join(of)
}

/// Every file below these folders, from the root of the repository.
fn files(folders: &[&str]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn page(name: &str) -> String {
    fs::read_to_string(root(name)).expect("the page is there")
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the check-list: name and cells.
fn rows(page: &str) -> Vec<(String, Vec<&str>)> {
    let cells = page.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let cells = cells.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let numbered = |name: &str| name.strip_prefix(['P', 'G', 'S', 'H']).is_some_and(|rest| rest.parse::<u8>().is_ok());
    cells.filter(|cells| numbered(cells[0])).map(|cells| (cells[0].to_owned(), cells)).collect()
}

#[test]
fn the_check_list_is_answered_whole() {
    let page = page("docs/SECURITY.md");
    let rows = rows(&page);
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    // As many as the list of requirements has, in its order.
    let expected: Vec<String> = [('P', 13), ('G', 7), ('S', 9), ('H', 13)]
        .into_iter()
        .flat_map(|(letter, count)| (1..=count).map(move |number| format!("{letter}{number}")))
        .collect();
    assert_eq!(names, expected);
    for (name, cells) in &rows {
        assert_eq!(cells.len(), 5, "{name} has five cells");
        let answers = ["met", "differently", "not met", "does not arise"]
            .map(|answer| cells[2].starts_with(&format!("**{answer}")));
        assert!(answers.contains(&true), "{name} begins with its answer: {}", cells[2]);
        let shown = quoted(cells[4]).count();
        let needs_none = cells[2].starts_with("**not met") || name == "P13";
        assert!(shown > 0 || needs_none, "{name} is shown by nothing");
    }
}

#[test]
fn every_test_and_file_that_the_check_list_names_exists() {
    let sources: String = files(&["crates", "tests"])
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| fs::read_to_string(path).expect("a source file is UTF-8"))
        .collect();
    let page = page("docs/SECURITY.md");
    let (mut missing, mut found) = (Vec::new(), 0);
    for (name, cells) in rows(&page) {
        for test in quoted(cells[4]) {
            if !sources.contains(&format!("fn {test}(")) {
                missing.push(format!("{name}: no test is called {test}"));
            }
            found += 1;
        }
        missing
            .extend(quoted(cells[3]).filter(|file| !root(file).exists()).map(|file| format!("{name}: no file {file}")));
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(found > 80, "only {found} tests were found");
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let all: Vec<String> =
        files(&["crates", "tests", "scripts", "docs"]).iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let page = page("docs/ARCHITECTURE.md");
    let (mut missing, mut found) = (Vec::new(), 0);
    for name in quoted(&page) {
        let is_file = [".rs", ".lua", ".md", ".sh"].iter().any(|extension| name.ends_with(extension));
        let is_path = name.contains('/') && name.chars().all(|char| char.is_ascii_lowercase() || "/_".contains(char));
        if !is_file && !is_path || name.contains([' ', '*', '<']) {
            continue;
        }
        found += 1;
        let (ending, inside) = (format!("/{name}"), format!("/{}/", name.trim_end_matches('/')));
        if !all.iter().any(|path| path.ends_with(&ending) || path.contains(&inside)) {
            missing.push(name.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(found > 20, "only {found} names were found");
}
