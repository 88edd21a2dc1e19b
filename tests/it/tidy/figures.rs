//! Figures with a limit that belong to one part of the sources.

use std::fs;

use super::{files_below, path_in_repository};

/// The largest share of `use` lines in the files of the endpoints, in percent of the lines that are not empty; it was
/// 29 before an endpoint became one file.
const USE_PERCENT_MAX: usize = 15;

/// The lines of `use` items, and all lines that are not empty.
fn use_lines(text: &str) -> (usize, usize) {
    let (mut used, mut all, mut inside) = (0, 0, false);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        all += 1;
        let item = line.strip_prefix("pub ").unwrap_or(line);
        let item = item.split_once(") ").filter(|_| item.starts_with("pub(")).map_or(item, |(_, item)| item);
        inside |= item.starts_with("use ");
        used += usize::from(inside);
        inside &= !line.ends_with(';');
    }
    (used, all)
}

#[test]
fn few_lines_of_the_endpoint_files_are_imports() {
    let folder = userd_test_support::paths::workspace_root().join("crates/http/src/api");
    let (mut used, mut all, mut rows) = (0, 0, Vec::new());
    for file in files_below(&folder, &["rs"]) {
        let (of_file, lines) = use_lines(&fs::read_to_string(&file).expect("a source file is UTF-8"));
        used += of_file;
        all += lines;
        rows.push(format!("{of_file} of {lines}: {}", path_in_repository(&file)));
    }
    assert!(all > 500, "only {all} lines were found below {}", folder.display());
    let percent = used * 100 / all;
    assert!(
        percent <= USE_PERCENT_MAX,
        "{used} of {all} lines ({percent} %) are imports, more than {USE_PERCENT_MAX} %:\n{}",
        rows.join("\n")
    );
}

#[test]
fn lines_of_imports_are_counted_whole() {
    let text = "use a::b;\npub(super) use c::{\n    d,\n    e,\n};\n\nfn f() {\n    let used = 1;\n}\n";
    assert_eq!(use_lines(text), (5, 8));
}
