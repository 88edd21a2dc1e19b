//! Administration through a server and on the store: the same output, and each sees the other's changes.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{WorkFolder, err, out};
use userd_test_support::http_client::{PASSWORD, fetch};
use userd_test_support::redis_server::{RedisServer, wait_for};
use userd_test_support::sign_in_requests::{login, sign_in};
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

/// The exit code and all output.
type CommandResult = (Option<i32>, String);

/// Runs a command on one target.
type CommandRunner<'a> = &'a dyn Fn(&[&str]) -> CommandResult;

/// A server on a Redis, and both ways to its users.
struct BothTargets {
    _redis: RedisServer,
    _folder: WorkFolder,
    elsewhere: WorkFolder,
    launch: UserdCommand,
    serving: UserdProcess,
    key: String,
}

impl BothTargets {
    fn start() -> Self {
        let (redis, folder, elsewhere) = (RedisServer::start(), WorkFolder::empty(), WorkFolder::empty());
        let launch = UserdCommand::in_folder(folder.path()).redis(&redis).cheap_hashes().without_rate_limits();
        let serving = launch.start();
        let key = launch.make_api_key("admin");
        Self { _redis: redis, _folder: folder, elsewhere, launch, serving, key }
    }

    /// On the store, while the server uses it.
    fn store(&self, args: &[&str]) -> CommandResult {
        let output = self.launch.run(args);
        (output.status.code(), out(&output) + &err(&output))
    }

    /// Through the server, from a directory without a configuration of the store.
    fn server(&self, args: &[&str]) -> CommandResult {
        let url = format!("http://{}", self.serving.address());
        let args = [args, &["--server", &url]].concat();
        let output = self.elsewhere.userd_with(&args, &[("USERD_API_KEY", &self.key)]);
        (output.status.code(), out(&output) + &err(&output))
    }

    /// On both, with the same result.
    fn same(&self, args: &[&str]) -> CommandResult {
        let (store, server) = (self.store(args), self.server(args));
        assert_eq!(store, server, "{args:?}");
        store
    }
}

/// The generated password in the output.
fn generated((code, said): CommandResult) -> String {
    assert_eq!(code, Some(0), "{said}");
    said.lines().next().expect("the password is on standard output").to_owned()
}

const DONE: Option<i32> = Some(0);

#[test]
fn both_ways_show_the_same() {
    let both = BothTargets::start();
    let hostile = "Eve \u{202e}evil";
    for (name, email) in
        [("Ada Lovelace", "ada@example.org"), ("李小龍", "lee@example.org"), (hostile, "eve@example.org")]
    {
        let create = ["user", "create", "--name", name, "--email", email, "--generate-password"];
        generated(if name == hostile { both.store(&create) } else { both.server(&create) });
    }
    let (code, list) = both.same(&["user", "list"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(code, DONE);
    assert_eq!(rows.iter().map(|row| row[2]).collect::<Vec<_>>(), ["Ada Lovelace", "李小龍", "Eve \\u{202e}evil"]);
    assert_eq!(rows[0][1..4], ["ada@example.org", "Ada Lovelace", "expired"]);
    let (_, newest) = both.same(&["user", "list", "--newest", "--limit", "2"]);
    assert!(newest.contains("\neve@example.org") || newest.starts_with(rows[2][0]), "{newest}");
    assert!(newest.contains("there are more: `--cursor "), "{newest}");

    let (_, page) = both.same(&["user", "list", "--json", "--limit", "2"]);
    let page: Value = serde_json::from_str(&page).expect("it is JSON");
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    let cursor = page["next"].as_str().expect("there is another page");
    let (_, rest) = both.same(&["user", "list", "--json", "--cursor", cursor]);
    assert!(rest.contains("\"Eve \\u202eevil\"") && rest.contains("\"next\": null"), "{rest}");
    let (_, lines) = both.same(&["user", "list", "--all", "--json", "--email", "E"]);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.starts_with("{\"id\":\"") && lines.contains("eve@example.org"), "{lines}");
    assert_eq!(both.same(&["user", "list", "--email", "zoe"]), (DONE, "there are no such users\n".to_owned()));

    let (_, shown) = both.same(&["user", "show", "ADA@example.org"]);
    assert_eq!(both.same(&["user", "show", rows[0][0]]), (DONE, shown));
    both.same(&["user", "show", "ada@example.org", "--json"]);
    for args in [&["user", "events", "ada@example.org"][..], &["user", "events", "ada@example.org", "--json"]] {
        let (code, events) = both.same(args);
        assert!(code == DONE && events.contains("signed-up") && events.contains("key:"), "{events}");
    }
    assert!(both.store(&["stats"]).1.starts_with("users\t3\nstore\tredis\n"), "{}", both.store(&["stats"]).1);
    let (_, stats) = both.server(&["stats", "--json"]);
    let stats: Value = serde_json::from_str(&stats).expect("it is JSON");
    assert_eq!((&stats["users"], &stats["store"]), (&3.into(), &"redis".into()), "{stats}");
    assert_eq!(stats["server"], format!("http://{}", both.serving.address()));
    for args in [["user", "show", "nobody@example.org"], ["user", "enable", "01936f2e-8a4b-7c3d-9e5f-0123456789ab"]] {
        assert_eq!((both.store(&args).0, both.server(&args).0), (Some(4), Some(4)), "{args:?}");
    }
    let refused = ["user", "create", "--name", " ", "--email", "x@example.org", "--generate-password"];
    assert_eq!(both.same(&refused), (Some(2), "userd: name must not be empty\n".to_owned()));
    let foreign = ["user", "list", "--cursor", "AAAA"];
    assert_eq!((both.store(&foreign).0, both.server(&foreign).0), (Some(2), Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_either_way_takes_effect_at_once() {
    let both = BothTargets::start();
    let address = both.serving.address();
    let ways: [CommandRunner<'_>; 2] = [&|args| both.store(args), &|args| both.server(args)];
    for (way, email) in ways.iter().zip(["ada@example.org", "grace@example.org"]) {
        userd_test_support::sign_in_requests::sign_up_user(address, email).await;
        let status = async |password: &str| fetch(address, &login(email, password)).await.status;
        let user = |command: &'static str| ["user", command, email, "--yes"];
        sign_in(address, email).await;
        let (code, said) = way(&user("disable"));
        assert!(code == DONE && said.contains("is disabled, and signed out everywhere"), "{said}");
        assert_eq!(status(PASSWORD).await, 403);
        assert!(both.same(&["user", "show", email]).1.contains("status\tdisabled\n"));
        let (code, said) = way(&["user", "enable", email]);
        assert!(code == DONE && said.contains(email) && said.ends_with("is enabled\n"), "{said}");
        let token = sign_in(address, email).await["token"].as_str().map(str::to_owned).expect("a token");
        assert_eq!(way(&user("revoke-sessions")).0, DONE);
        assert_eq!(userd_test_support::sign_in_requests::current_session(address, &token).await.status, 401);
        assert_eq!(way(&user("expire-password")).0, DONE);
        assert_eq!(status(PASSWORD).await, 403);
        assert_eq!(status("wrong password").await, 401);
        let password = generated(way(&["user", "set-password", email, "--yes", "--generate-password"]));
        assert_eq!((status(PASSWORD).await, status(&password).await), (401, 403), "it is to be changed");
        let (code, deleted) = way(&["user", "delete", email, "--yes", "--json"]);
        let deleted: Value = serde_json::from_str(&deleted).expect("it is JSON");
        assert_eq!((code, deleted["email"].as_str()), (DONE, Some(email)), "{deleted}");
        assert_eq!(both.same(&["user", "list"]).1, "there are no such users\n");
    }
}

#[test]
fn a_file_is_opened_only_without_a_server_and_else_the_server_is_named() {
    let folder = WorkFolder::empty();
    let missing = folder.userd(&["user", "list"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(err(&missing).contains("there is no database ./userd-data/userd.db"), "{}", err(&missing));
    assert!(folder.path().read_dir().expect("the folder is there").next().is_none(), "looking makes nothing");

    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes();
    let create = ["user", "create", "--name", "Ada", "--email", "ada@example.org", "--generate-password", "--json"];
    let made: Value = serde_json::from_slice(&launch.run(&create).stdout).expect("it is JSON");
    assert!(made["password"].as_str().is_some_and(|password| password.len() == 29), "{made}");
    assert_eq!(made["password_expired"], true);
    let again = launch.run(&create);
    assert_eq!((again.status.code(), err(&again).as_str()), (Some(1), "userd: another user has the e-mail\n"));
    let alone = out(&launch.run(&["user", "list", "--json"]));

    let serving = launch.start();
    let address = serving.address().to_string();
    let served = folder.userd(&["user", "list", "--json", "--listen", &address]);
    assert_eq!((served.status.code(), out(&served).as_str()), (Some(1), ""));
    let words = format!("use --server http://{address}; once it has API keys, --key-file FILE, too");
    assert!(
        err(&served).contains("userd: a userd serves ")
            && err(&served).contains("/userd-data/userd.db")
            && err(&served).contains(&words),
        "{}",
        err(&served)
    );
    let url = format!("http://{address}");
    // In protected mode no key is needed.
    assert_eq!(out(&folder.userd(&["user", "list", "--json", "--server", &url])), alone);
    let key = launch.make_api_key("users:read");
    let with_it = || folder.userd_with(&["user", "list", "--server", &url], &[("USERD_API_KEY", &key)]);
    // A serving userd looks for new keys once a second.
    wait_for("the key is known", || !err(&with_it()).contains("never existed"));
    let unknown = with_it();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(err(&unknown).contains("--scope admin` on its machine"), "{}", err(&unknown));
    let keyless = folder.userd(&["user", "list", "--server", &url]);
    assert_eq!(keyless.status.code(), Some(1));
    assert!(err(&keyless).contains("--key-file FILE, or USERD_API_KEY in the environment"), "{}", err(&keyless));
}

#[test]
fn a_generated_password_that_was_not_read_is_a_failure() {
    let folder = WorkFolder::empty();
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    drop(reader);
    let created = Command::new(env!("CARGO_BIN_EXE_userd"))
        .args(["user", "create", "--name", "Ada", "--email", "ada@example.org", "--generate-password"])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(writer)
        .output()
        .expect("the program can be started");
    assert_eq!(created.status.code(), Some(1), "{}", err(&created));
    assert!(err(&created).contains("the password was not read"), "{}", err(&created));
    let shown = folder.userd(&["user", "show", "ada@example.org"]);
    assert_eq!(shown.status.code(), DONE, "{}", err(&shown));
}
