//! Prompts, questions and tables on a terminal; and refusals without one.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use super::{WorkFolder, err, out};
use userd_test_support::terminal::PseudoTerminal;

const PASSWORD: &str = "blue kite over Delft";

/// Cheap hashes for tests.
fn cheap() -> Vec<(String, String)> {
    [("USERD_HASH__MEMORY_KIB", "8"), ("USERD_HASH__ITERATIONS", "1")]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

fn at_terminal(folder: &WorkFolder, args: &[&str]) -> PseudoTerminal {
    PseudoTerminal::run(folder.path(), args, &cheap(), 80)
}

/// A program that reads from a pipe instead of a terminal.
fn piped(folder: &WorkFolder, args: &[&str], input: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_userd"))
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .envs(cheap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    // The program may have ended already.
    let _ = process.stdin.take().expect("it is ours").write_all(input.as_bytes());
    process.wait_with_output().expect("it ends")
}

fn create(folder: &WorkFolder, name: &str, email: &str) {
    let args = ["user", "create", "--name", name, "--email", email, "--password-stdin"];
    let made = piped(folder, &args, &format!("{PASSWORD}\n"));
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert!(out(&made).contains(&format!(" <{email}> is a user: ")), "{}", out(&made));
}

#[test]
fn a_password_is_typed_twice_and_never_echoed() {
    let folder = WorkFolder::empty();
    let args = ["user", "create", "--name", "Ada", "--email", "ada@example.org"];
    let mut terminal = at_terminal(&folder, &args);
    terminal.wait_for("New password: ");
    assert!(!terminal.echoes());
    terminal.press(&format!("{PASSWORD}!\u{7f}\r"));
    terminal.wait_for("Once more: ");
    assert!(!terminal.echoes());
    terminal.press(&format!("{PASSWORD}\r"));
    terminal.wait_for("is a user: ");
    assert!(terminal.echoes(), "the terminal is as it was");
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && !screen.contains("blue"), "{code:?} {screen}");

    for (second, code, words) in [
        ("something else\r", 2, "the two passwords differ; nothing was done"),
        ("blue\u{3}", 1, "nothing was done"),
        ("\u{15}\u{4}", 1, "nothing was done"),
    ] {
        let mut terminal = at_terminal(&folder, &["user", "create", "--name", "Lee", "--email", "lee@example.org"]);
        terminal.wait_for("New password: ");
        terminal.press(&format!("{PASSWORD}\r"));
        terminal.wait_for("Once more: ");
        terminal.press(second);
        terminal.wait_for(words);
        assert!(terminal.echoes(), "{second:?}");
        let (ended, screen) = terminal.end();
        assert!(ended == Some(code) && !screen.contains("blue"), "{ended:?} {screen}");
    }
    let list = folder.userd(&["user", "list"]);
    assert_eq!(out(&list).lines().count(), 1, "only the first one is a user");
}

#[test]
fn a_destructive_command_asks_and_shows_the_user() {
    let folder = WorkFolder::empty();
    create(&folder, "Ada \u{202e}evoL", "ada@example.org");
    for (answer, code) in [("\r", 1), ("n\r", 1), ("yes please\r", 1), ("y\r", 0)] {
        let mut terminal = at_terminal(&folder, &["user", "delete", "ada@example.org"]);
        terminal.wait_for("[y/N] ");
        let question = terminal.screen();
        assert!(question.contains("Delete Ada \\u{202e}evoL <ada@example.org> ("), "{question}");
        assert!(question.contains("in sqlite:./userd-data/userd.db? They can't be brought back."), "{question}");
        terminal.press(answer);
        let (ended, screen) = terminal.end();
        assert_eq!(ended, Some(code), "{answer:?}: {screen}");
        let words = if code == 0 { "is deleted" } else { "nothing was done" };
        assert!(screen.contains(words), "{screen}");
    }
    assert_eq!(err(&folder.userd(&["user", "list"])), "there are no such users\n");
}

#[test]
fn without_a_terminal_a_destructive_command_does_nothing() {
    let folder = WorkFolder::empty();
    create(&folder, "Ada", "ada@example.org");
    for command in ["delete", "disable", "revoke-sessions", "expire-password", "set-password"] {
        let refused = piped(&folder, &["user", command, "ada@example.org"], "y\n");
        assert_eq!(refused.status.code(), Some(2), "{command}");
        assert!(err(&refused).contains("add --yes to confirm; nothing was done"), "{command}: {}", err(&refused));
    }
    assert!(out(&folder.userd(&["user", "list"])).contains("\tactive\t"));
    let set = ["user", "set-password", "ada@example.org", "--yes"];
    let refused = piped(&folder, &set, "");
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("use --password-stdin, or --generate-password"), "{}", err(&refused));
    let short = piped(&folder, &[&set[..], &["--password-stdin"]].concat(), "short\n");
    let rule = "userd: new_password must have at least 8 characters\n";
    assert_eq!((short.status.code(), err(&short).as_str()), (Some(2), rule));
    let done =
        piped(&folder, &[&set[..], &["--password-stdin", "--password-expired"]].concat(), "green kite over Delft");
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    assert!(out(&folder.userd(&["user", "list"])).contains("\texpired\t"));
}

#[test]
fn a_table_on_a_terminal_has_headings_and_fits() {
    let folder = WorkFolder::empty();
    create(&folder, "Ada Lovelace of the Analytical Engine", "ada.lovelace.of.london@mathematics.example.org");
    let (code, screen) = at_terminal(&folder, &["user", "list"]).end();
    assert_eq!(code, Some(0));
    assert!(screen.starts_with("ID  "), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    let (_, shown) = at_terminal(&folder, &["user", "show", "ada.lovelace.of.london@mathematics.example.org"]).end();
    assert!(shown.contains("\nstatus     active\n"), "{shown}");
}

#[test]
fn a_mistyped_command_or_flag_gets_a_suggestion() {
    let folder = WorkFolder::empty();
    for (args, nearest) in [
        (&["usr", "list"][..], "'user'"),
        (&["user", "delte", "ada"], "'delete'"),
        (&["user", "list", "--newst"], "'--newest'"),
        (&["user", "list", "--sever", "x"], "'--server'"),
        (&["user", "create", "--name", "x", "--email", "y", "--pasword-stdin"], "'--password-stdin'"),
    ] {
        let refused = folder.userd(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(err(&refused).contains(nearest), "{args:?}: {}", err(&refused));
    }
}
