//! Every fenced block has a kind, and every command in the pages is valid.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::{PageBlock, blocks, of_kind, passes};
use userd_test_support::server_plan::RedisServerPlan;
use userd_test_support::userd_process::UserdCommand;

/// The kinds of blocks, and how each is checked.
const KINDS: [(&str, &str); 15] = [
    ("sh try", "run in order by `documents`, its answer compared"),
    ("sh run", "commands of userd's, run in the order of the page"),
    ("sh check", "read by a shell; each command of userd's by userd itself"),
    ("console", "requests: userd has such a route"),
    ("json", "read as JSON"),
    ("nginx", "nginx -t"),
    ("caddyfile", "caddy validate"),
    ("haproxy", "haproxy -c"),
    ("yaml", "read as YAML; Envoy's own program is in no package that we can have"),
    ("redis", "a server starts with it"),
    ("acl", "a server starts with it; the rights themselves are tried by `redis`"),
    ("js", "node --check"),
    ("python", "Python compiles it"),
    ("toml", "userd config check"),
    ("text", "nothing: what a program prints"),
];

#[test]
fn every_block_has_a_known_kind() {
    let blocks = blocks();
    assert!(blocks.len() > 60, "only {} blocks were found", blocks.len());
    let known: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let unknown: Vec<String> = blocks
        .iter()
        .filter(|block| !known.contains(block.kind.as_str()))
        .map(|block| {
            format!("{}: {:?} is not in the table of tests/deploy-checks/pages/commands.rs", block.at, block.kind)
        })
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
    for block in of_kind("text") {
        let command =
            block.text.lines().find(|line| ["userd ", "$ ", "curl "].iter().any(|word| line.starts_with(word)));
        assert_eq!(command, None, "{}: what is a command says so", block.at);
    }
}

#[test]
fn every_command_in_the_pages_is_valid_for_the_shell_and_for_userd() {
    let mut understood = 0;
    for block in of_kind("sh check").iter().chain(&of_kind("sh run")).chain(&of_kind("sh try")) {
        passes(&block.at, Command::new("bash").args(["-n", "-c", &block.text]), "bash");
        for command in commands_of_userd(&block.text) {
            let help = format!("\"$USERD\" {command} --help");
            let mut shell = Command::new("bash");
            shell
                .args(["-c", &help])
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .env("USERD", env!("CARGO_BIN_EXE_userd"));
            passes(&block.at, &mut shell, "bash");
            understood += 1;
        }
    }
    assert!(understood > 15, "only {understood} commands of userd were found");
}

#[test]
fn the_commands_of_the_pages_work_in_their_order_on_sqlite_and_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = RedisServerPlan::persistent().start();
    let made = UserdCommand::in_folder(folder.path()).cheap_hashes().run(&[
        "user",
        "create",
        "--name",
        "Ada",
        "--email",
        "ada@example.org",
        "--generate-password",
    ]);
    assert!(made.status.success(), "{made:?}");
    let programs = Path::new(env!("CARGO_BIN_EXE_userd")).parent().expect("it lies in a folder");
    for PageBlock { at, text, .. } in of_kind("sh run") {
        // The paths and addresses of the page, as they are here.
        let here = text.replace("/backup/", "").replace("redis://127.0.0.1:6379/0", &redis.url());
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &here]).current_dir(&folder).env_clear();
        shell.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        passes(&at, &mut shell, "bash");
    }
    let files = ["userd-today.db", "users.ndjson", "userd-data/userd.db.before-restore-1"];
    for file in files {
        assert!(folder.path().join(file).is_file(), "{file} was made by one of the commands");
    }
    let moved =
        UserdCommand::in_folder(folder.path()).run(&["--store", &redis.url(), "user", "show", "ada@example.org"]);
    assert!(moved.status.success(), "{moved:?}");
}

/// What follows the last word `userd` of each line, up to the next command.
fn commands_of_userd(script: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for line in script.replace("\\\n", " ").lines() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().rposition(|word| *word == "userd" || word.ends_with("/userd")) else { continue };
        let ends = |word: &&&str| !["|", "||", "&&", ">", ">>", "<", ";", "&"].contains(*word);
        let own: Vec<&str> = words[at + 1..].iter().take_while(ends).copied().collect();
        let own = own.join(" ");
        assert!(!own.contains(['`', '$']), "write values, not variables: {line}");
        commands.push(own);
    }
    commands
}

#[test]
fn every_request_in_the_pages_is_for_an_existing_route() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = UserdCommand::in_folder(folder.path()).start();
    let mut asked = 0;
    for block in of_kind("console") {
        for request in block.text.replace("\\\n", " ").lines().filter_map(|line| line.strip_prefix("$ ")) {
            passes(&block.at, Command::new("bash").args(["-n", "-c", request]), "bash");
            let words: Vec<&str> = request.split_whitespace().collect();
            if words[0] != "curl" {
                continue;
            }
            let url = words.iter().find(|word| word.starts_with("http://")).expect("a request has an address");
            let path = url.splitn(4, '/').nth(3).unwrap_or_default();
            let method = words.iter().position(|word| *word == "-X").map(|at| words[at + 1]);
            let method = method.unwrap_or(if request.contains(" -d ") { "POST" } else { "GET" });
            let address = format!("http://{}/{}", serving.address(), path.split('?').next().unwrap_or_default());
            let output = Command::new("curl").args(["-sS", "-i", "-X", "OPTIONS", &address]).output();
            let output = output.expect("curl can be started, or install it: apt-get install curl");
            let answer = String::from_utf8_lossy(&output.stdout).into_owned();
            let allow = answer.lines().find_map(|line| line.strip_prefix("Allow: ").or(line.strip_prefix("allow: ")));
            let allowed = allow.is_some_and(|allow| allow.split(", ").any(|allowed| allowed.trim() == method));
            assert!(allowed, "{}: {method} {path}\n{answer}", block.at);
            asked += 1;
        }
    }
    assert!(asked > 8, "only {asked} requests were found");
}

#[test]
fn every_response_and_every_program_in_the_pages_can_be_parsed() {
    for PageBlock { at, text, .. } in of_kind("json") {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert!(read.is_ok(), "{at}: {read:?}");
    }
    for PageBlock { at, text, .. } in of_kind("js") {
        // As a module, as a service would write it.
        let script = format!("(async () => {{ {text} }});");
        passes(&at, Command::new("node").args(["--input-type=module", "-e", &script]), "nodejs");
    }
    for PageBlock { at, text, .. } in of_kind("python") {
        passes(&at, Command::new("python3").args(["-c", "import ast, sys; ast.parse(sys.argv[1])", &text]), "python3");
    }
    assert!(!blocks().iter().any(|block| block.kind == "toml"), "then compare it with userd config check here");
}

#[test]
fn commands_are_found_behind_the_last_name_of_the_program() {
    let script =
        "docker compose run --rm userd api-keys list\nuserd doctor --json | jq .\nsudo -u userd userd stats  # x\n";
    assert_eq!(commands_of_userd(script), ["api-keys list", "doctor --json", "stats"]);
    assert_eq!(commands_of_userd("docker run --volume userd:/data \\\n  userd\ncurl -s x\n"), [""]);
}
