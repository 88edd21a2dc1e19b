//! The real program serving: what it says at the start, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A userd of its own, killed when the test ends before it.
struct Serving {
    process: Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already, which is what the tests want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Serving {
    fn start(folder: &TempDir, args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_userd"))
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(folder.path())
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let log = BufReader::new(process.stderr.take().expect("its standard error is ours"));
        Self { process, log }
    }

    /// Reads the log up to the line that holds `word`, which comes or the log ends.
    fn line_with(&mut self, word: &str) -> String {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            let read = self.log.read_line(&mut seen).expect("the log can be read");
            assert!(read > 0, "the log ended without {word:?}:\n{seen}");
            if seen[start..].contains(word) {
                return seen[start..].to_owned();
            }
        }
    }

    /// Asks it to stop; gives the exit code and the rest of the log.
    fn stop(mut self) -> (Option<i32>, String) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(id, Signal::TERM).expect("the process is ours");
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("the log can be read");
        (self.process.wait().expect("it ends").code(), rest)
    }
}

fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).expect("it listens where it says");
    write!(connection, "GET {path} HTTP/1.1\r\nHost: userd\r\nConnection: close\r\n\r\n").expect("it takes a request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers in UTF-8");
    answer
}

#[test]
fn started_without_more_it_serves_says_where_and_ends_with_0_on_sigterm() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut serving = Serving::start(&folder, &[]);
    let line = serving.line_with(" serves on http://");
    let address = line.rsplit('/').next().expect("a line has an end").trim().to_owned();
    assert!(serving.line_with("users are kept in").contains("sqlite:./userd-data/userd.db"));
    assert!(serving.line_with("curl -i").contains(&format!("http://{address}/api/users")));
    assert!(get(&address, "/ping").ends_with("PONG!"));
    assert!(get(&address, "/health/ready").starts_with("HTTP/1.1 200 "));
    let (code, rest) = serving.stop();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("userd::access"), "{rest}");
}

#[test]
fn json_logs_hold_one_object_a_line_and_no_address_of_a_person() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut serving = Serving::start(&folder, &["serve", "--log", "json"]);
    let line: serde_json::Value = serde_json::from_str(&serving.line_with("userd serves")).expect("a line is JSON");
    let address = line["address"].as_str().expect("the banner tells the address");
    assert!(get(address, "/api/users/ada@example.org").starts_with("HTTP/1.1 404 "));
    let (code, rest) = serving.stop();
    assert_eq!(code, Some(0), "{rest}");
    for line in rest.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(rest.contains("userd::access") && !rest.contains("ada@"), "{rest}");
}

#[test]
fn what_keeps_it_from_starting_is_told_and_ends_with_1() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut first = Serving::start(&folder, &[]);
    first.line_with(" serves on ");
    let mut second = Serving::start(&folder, &[]);
    second.line_with("userd ends: can't open the store: ");
    assert_eq!(second.process.wait().expect("it ends").code(), Some(1));
}
