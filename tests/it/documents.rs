//! The documents tell the truth: requests in getting-started.md are made, links are followed, numbers, sentences and
//! rights are compared with the program's own. Not the style of the prose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const GETTING_STARTED: &str = include_str!("../../docs/getting-started.md");
const LIMITS: &str = include_str!("../../docs/operations/limits.md");
const TROUBLESHOOTING: &str = include_str!("../../docs/operations/troubleshooting.md");

/// The address that the documents show.
const SHOWN_ADDRESS: &str = "http://127.0.0.1:8000";

/// What is another value each time that a request is made.
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

/// The least length of a piece of a sentence that is looked for; what is shorter is found anywhere.
const PIECE_CHARS_MIN: usize = 12;

/// A userd of its own in a folder of its own; killed if a test ends before it.
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

    /// Asks it to stop; gives what it logged since the start.
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

/// A fenced block: what stands behind its backticks, and its text.
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

/// What a shell says to `script`, which knows these variables; it has to succeed.
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

/// The document with what changes from time to time left out, however deep it lies.
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

/// Every page that people read.
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

/// As GitHub makes it of a heading: lower case, hyphens for spaces, nothing else but letters, digits and `_`.
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

/// The cells of the tables below `heading`, a row each, without the rows that every table begins with.
fn rows(document: &'static str, heading: &str) -> Vec<Vec<&'static str>> {
    let section = document.split("\n## ").find(|section| section.starts_with(heading)).expect("the section is there");
    let rows = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Every key of the reference whose value is a number.
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

/// The program's text, with the line ends inside of sentences taken out.
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

#[test]
fn a_copy_made_while_serving_is_a_whole_database() {
    // What docs/operations/backup.md says of backups, with the engine that is linked in; the tool of the system may be older,
    // which is why the tables name no younger function (a unit test of the schema holds that).
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
