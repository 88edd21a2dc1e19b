//! The manual pages: groff reads them without a warning.

use std::fs;

use userd_test_support::commands::{pipe_through, run_userd};

#[test]
fn the_manual_page_is_clean_roff_and_keeps_the_lines_of_the_examples() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let page = run_userd(&["man"], folder.path());
    assert_eq!(page.status.code(), Some(0));
    let shown = pipe_through("groff", "groff-base", &["-man", "-ww", "-k", "-Tutf8", "-P-cbou"], &page.stdout);
    for words in ["NAME\n", "EXAMPLES\n", "EXIT CODES\n", "userd-doctor(1)", "--store <URL>"] {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    assert!(shown.contains("validate the configuration\n"), "{shown}");
}

#[test]
fn each_command_has_a_page_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    // A mistake in the configuration does not keep the manual from being printed.
    fs::write(folder.path().join("userd.toml"), "workrs = 3\n").expect("the file can be written");
    let written = run_userd(&["man", "--dir", "share/man1"], folder.path());
    assert_eq!(written.status.code(), Some(0), "{}", String::from_utf8_lossy(&written.stderr));
    let pages = fs::read_dir(folder.path().join("share/man1")).expect("the folder is made");
    let mut names = Vec::new();
    for page in pages.map(|entry| entry.expect("it can be read").path()) {
        pipe_through(
            "groff",
            "groff-base",
            &["-man", "-ww", "-k", "-z"],
            &fs::read(&page).expect("a page can be read"),
        );
        names.push(page.file_name().expect("it has a name").to_string_lossy().into_owned());
    }
    for name in ["userd.1", "userd-doctor.1", "userd-api-keys-create.1", "userd-man.1"] {
        assert!(names.iter().any(|page| page == name), "{name} is not among {names:?}");
    }
    fs::write(folder.path().join("taken"), "").expect("the file can be written");
    let refused = run_userd(&["man", "--dir", "taken/man1"], folder.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("userd man: can't write into taken/man1: "));
}
