//! Completions for shells. The manual pages are in `tests/deploy-checks/manual_pages.rs`.

use userd_test_support::commands::{pipe_through, run_userd};

#[test]
fn bash_completes_commands_and_flags() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let script = run_userd(&["completions", "bash"], folder.path());
    assert_eq!(script.status.code(), Some(0));
    let mut script = script.stdout;
    for (line, place) in [("userd do", 1), ("userd config ch", 2), ("userd doctor --rep", 2)] {
        let last = line.rsplit(' ').next().unwrap_or_default();
        let ask =
            format!("COMP_WORDS=({line}) COMP_CWORD={place}; _userd userd {last} x; echo \"${{COMPREPLY[*]}}\"\n");
        script.extend_from_slice(ask.as_bytes());
    }
    assert_eq!(pipe_through("bash", "bash", &["--norc"], &script), "doctor\ncheck\n--repair\n");
}

#[test]
fn every_shell_gets_a_script_of_its_own_that_names_the_commands() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut scripts = Vec::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = String::from_utf8(run_userd(&["completions", shell], folder.path()).stdout).expect("it is UTF-8");
        assert!(script.contains("doctor") && script.contains("rotate"), "{shell}: {script}");
        assert!(!scripts.contains(&script));
        scripts.push(script);
    }
    let unknown = run_userd(&["completions", "bsh"], folder.path());
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("similar value exists: 'bash'"), "{said}");
}
