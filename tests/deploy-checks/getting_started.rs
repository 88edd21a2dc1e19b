//! The requests in docs/getting-started.md are made with curl, and their responses are as the page shows; a copy of the
//! SQLite file made as the backup page says is a whole database.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const GETTING_STARTED: &str = include_str!("../../docs/getting-started.md");

/// The address that the pages show.
const SHOWN_ADDRESS: &str = "http://127.0.0.1:8000";

/// The fields whose value differs from request to request.
const VOLATILE_FIELDS: [&str; 13] = [
    "id",
    "created_at",
    "updated_at",
    "request_id",
    "token",
    "session_id",
    "device_token",
    "expires_at",
    "last_used_at",
    "kid",
    "x",
    "y",
    "user_agent",
];

/// A userd in a folder of its own; killed if a test ends before it.
struct DocumentedServer {
    process: Child,
    log: BufReader<ChildStderr>,
    address: String,
    folder: TempDir,
}

impl DocumentedServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut process = Command::new(env!("CARGO_BIN_EXE_userd"))
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut log = BufReader::new(process.stderr.take().expect("its standard error is ours"));
        let mut line = String::new();
        log.read_line(&mut line).expect("the log can be read");
        let address = line.split_whitespace().last().unwrap_or_default().to_owned();
        assert!(line.contains(" serves on http://"), "{line}");
        Self { process, log, address, folder }
    }

    /// Stops it; returns what it logged since the start.
    fn stop(mut self) -> String {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(id, Signal::TERM).expect("the process is ours");
        let mut log = String::new();
        self.log.read_to_string(&mut log).expect("the log can be read");
        log
    }
}

impl Drop for DocumentedServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A fenced block: its kind, and its text.
struct FencedBlock {
    kind: &'static str,
    text: String,
}

fn blocks(document: &'static str) -> Vec<FencedBlock> {
    let mut blocks = Vec::new();
    let mut open: Option<FencedBlock> = None;
    for line in document.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some(FencedBlock { kind, text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The output of a shell for `script`, with these variables; it has to succeed.
fn shell(script: &str, variables: &BTreeMap<String, String>) -> String {
    let output = Command::new("sh").args(["-euc", script]).envs(variables).output().expect("there is a shell");
    assert!(
        output.status.success(),
        "{script}\nends with {}; if curl is missing, install it: apt-get install curl\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("answers are UTF-8")
}

/// The document without values that differ from time to time, at any depth.
fn without_volatile_values(document: Value) -> Value {
    match document {
        Value::Object(fields) => {
            let lasting = fields.into_iter().map(|(name, value)| {
                let changes = VOLATILE_FIELDS.contains(&name.as_str()) && value.is_string();
                let value = if changes { Value::from("…") } else { without_volatile_values(value) };
                (name, value)
            });
            Value::Object(lasting.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_volatile_values).collect()),
        other => other,
    }
}

#[test]
fn the_requests_in_getting_started_are_answered_as_it_shows() {
    let serving = DocumentedServer::start();
    let blocks = blocks(GETTING_STARTED);
    let (mut variables, mut made, mut asked) = (BTreeMap::new(), 0, 0);
    for (place, block) in blocks.iter().enumerate().filter(|(_, block)| block.kind == "sh try") {
        let script = block.text.trim_end().replace(SHOWN_ADDRESS, &serving.address);
        asked += 1;
        if let Some((name, _)) = script.split_once("=$(") {
            let value = shell(&format!("{script}\nprintf %s \"${name}\""), &variables);
            variables.insert(name.to_owned(), value);
            continue;
        }
        let (request, status) = script.rsplit_once("  # ").expect("the status stands at the end of the request");
        let answer = shell(&request.replacen("curl -s", "curl -sS -w '\\n%{http_code}'", 1), &variables);
        let (body, given) = answer.rsplit_once('\n').expect("curl writes the status after the body");
        assert_eq!(given, status, "{request}\n{body}");
        let shown = blocks.get(place + 1).filter(|block| block.kind == "json").expect("the answer is shown below");
        let shown: Value = serde_json::from_str(&shown.text).expect("the page shows JSON");
        let given: Value = serde_json::from_str(body).expect("answers are JSON");
        assert_eq!(without_volatile_values(given), without_volatile_values(shown), "{request}");
        made += 1;
    }
    assert_eq!(made, 12, "requests in getting-started.md");

    let log = serving.stop();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" userd")).collect();
    assert_eq!(lines.iter().filter(|line| line.contains("userd::access")).count(), asked, "{log}");
    assert_eq!(lines.len(), asked + 1, "one line a request, a refused one too, and one that it stops:\n{log}");
}

#[test]
fn a_copy_made_while_serving_is_a_whole_database() {
    // What docs/operations/backup.md says about backups, with the linked SQLite; the system's tool may be older, which
    // is why the tables use no newer function (a unit test of the schema checks that).
    let serving = DocumentedServer::start();
    let body = r#"{"name":"Ada","email":"ada@example.org","password":"blue kite over Delft"}"#;
    let script = format!("curl -sSf {}/api/users -H 'Content-Type: application/json' -d '{body}'", serving.address);
    shell(&script, &BTreeMap::new());
    let folder = serving.folder.path();
    let copy = folder.join("backup.db");
    let live = rusqlite::Connection::open(folder.join("userd-data/userd.db")).expect("others may read");
    live.execute("VACUUM INTO ?1", [copy.to_str().expect("names are UTF-8")]).expect("a copy can be made");
    let copy = rusqlite::Connection::open(copy).expect("the copy can be opened");
    let text = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).expect("the copy can be read");
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(text("SELECT canonical FROM users"), "ada@example.org");
}
