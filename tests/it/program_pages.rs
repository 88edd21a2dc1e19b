//! What the program generates from its own command line: shell completions and manual pages.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn userd(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userd"));
    command.args(args).current_dir(folder).env_clear().output().expect("the program can be started")
}

/// The output of `program` for `input`; fails if it prints an error or does not succeed.
fn piped(program: &str, package: &str, args: &[&str], input: &[u8]) -> String {
    let mut process = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; install it: apt-get install {package}"));
    process.stdin.take().expect("it is piped").write_all(input).expect("it reads all");
    let output = process.wait_with_output().expect("it ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "{program} {args:?}: {complaints}");
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

#[test]
fn bash_completes_commands_and_flags() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let script = userd(&["completions", "bash"], folder.path());
    assert_eq!(script.status.code(), Some(0));
    let mut script = script.stdout;
    for (line, place) in [("userd do", 1), ("userd config ch", 2), ("userd doctor --rep", 2)] {
        let last = line.rsplit(' ').next().unwrap_or_default();
        let ask =
            format!("COMP_WORDS=({line}) COMP_CWORD={place}; _userd userd {last} x; echo \"${{COMPREPLY[*]}}\"\n");
        script.extend_from_slice(ask.as_bytes());
    }
    assert_eq!(piped("bash", "bash", &["--norc"], &script), "doctor\ncheck\n--repair\n");
}

#[test]
fn every_shell_gets_a_script_of_its_own_that_names_the_commands() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut scripts = Vec::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = String::from_utf8(userd(&["completions", shell], folder.path()).stdout).expect("it is UTF-8");
        assert!(script.contains("doctor") && script.contains("rotate"), "{shell}: {script}");
        assert!(!scripts.contains(&script));
        scripts.push(script);
    }
    let unknown = userd(&["completions", "bsh"], folder.path());
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("similar value exists: 'bash'"), "{said}");
}

#[test]
fn the_manual_page_is_clean_roff_and_keeps_the_lines_of_the_examples() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let page = userd(&["man"], folder.path());
    assert_eq!(page.status.code(), Some(0));
    let shown = piped("groff", "groff-base", &["-man", "-ww", "-k", "-Tutf8", "-P-cbou"], &page.stdout);
    for words in ["NAME\n", "EXAMPLES\n", "EXIT CODES\n", "userd-doctor(1)", "--store <URL>"] {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    assert!(shown.contains("validate the configuration\n"), "{shown}");
}

#[test]
fn each_command_has_a_page_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    // The manual works with an invalid configuration.
    fs::write(folder.path().join("userd.toml"), "workrs = 3\n").expect("the file can be written");
    let written = userd(&["man", "--dir", "share/man1"], folder.path());
    assert_eq!(written.status.code(), Some(0), "{}", String::from_utf8_lossy(&written.stderr));
    let pages = fs::read_dir(folder.path().join("share/man1")).expect("the folder is made");
    let mut names = Vec::new();
    for page in pages.map(|entry| entry.expect("it can be read").path()) {
        piped("groff", "groff-base", &["-man", "-ww", "-k", "-z"], &fs::read(&page).expect("a page can be read"));
        names.push(page.file_name().expect("it has a name").to_string_lossy().into_owned());
    }
    for name in ["userd.1", "userd-doctor.1", "userd-api-keys-create.1", "userd-man.1"] {
        assert!(names.iter().any(|page| page == name), "{name} is not among {names:?}");
    }
    fs::write(folder.path().join("taken"), "").expect("the file can be written");
    let refused = userd(&["man", "--dir", "taken/man1"], folder.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("userd man: can't write into taken/man1: "));
}
