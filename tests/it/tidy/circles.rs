//! Files must not name one another in a circle, so that each file can be understood after those that it names.

use super::all_crates;
use super::imports::ImportGraph;

#[test]
fn no_files_of_a_crate_name_one_another_in_a_circle() {
    let root = userd_test_support::paths::workspace_root();
    let mut circles = Vec::new();
    for source in all_crates() {
        let graph = ImportGraph::of_crate(&root, &source);
        assert!(!graph.edges.is_empty(), "no file was read below {}", source.display());
        for circle in graph.circles() {
            let edges = circle.iter().flat_map(|file| {
                let inside = graph.edges[file].iter().filter(|other| circle.contains(other));
                inside.map(move |other| format!("  {file} names {other}"))
            });
            circles.push(edges.collect::<Vec<_>>().join("\n"));
        }
    }
    assert!(
        circles.is_empty(),
        "{} circles of files; move what both need to a third file:\n{}",
        circles.len(),
        circles.join("\n\n")
    );
}

#[test]
fn a_planted_circle_is_found_and_a_re_export_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    // `high` names `low` through the re-export of their parent; the parent names nothing of its own.
    write("lib.rs", "mod high;\nmod low;\npub use low::Low;\n");
    write("low.rs", "pub struct Low;\n");
    write("high.rs", "use crate::Low;\npub fn high(_: Low) {}\n#[cfg(test)]\nmod tests { use crate::Low; }\n");
    let circles = || ImportGraph::of_crate(folder.path(), folder.path()).circles();
    assert_eq!(circles(), Vec::<Vec<String>>::new());

    write("low.rs", "pub struct Low;\npub fn low() { super::high::high(Low) }\n");
    assert_eq!(circles(), [["high.rs", "low.rs"].map(str::to_owned).to_vec()]);

    // A child that needs what its parent defines, while the parent calls the child.
    write("low/mod.rs", "mod child;\npub struct Low;\npub fn low() { child::child() }\n");
    write("low/child.rs", "use super::Low;\npub fn child() -> Low { Low }\n");
    std::fs::remove_file(folder.path().join("low.rs")).expect("it was there");
    assert_eq!(circles(), [["low/child.rs", "low/mod.rs"].map(str::to_owned).to_vec()]);
}
