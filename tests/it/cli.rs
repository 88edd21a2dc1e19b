//! The command line of the real program: help, configuration, keys.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

fn userd(folder: &TempDir, args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_userd"))
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the program can be started")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the output is UTF-8")
}

fn empty_folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

#[test]
fn help_has_a_description_examples_the_environment_and_exit_codes() {
    let output = userd(&empty_folder(), &["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    for word in [
        "user-accounts service",
        "--listen <ADDR:PORT>",
        "--store <URL>",
        "--config <FILE>",
        "--log <FORMAT>",
        "Examples:",
        "USERD_HASH__MEMORY_KIB",
        "REDIS_ADDRESS",
        "Exit codes:",
    ] {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = userd(&empty_folder(), &["--version"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(out(&output), concat!("userd ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn an_unknown_flag_is_a_usage_error_with_a_suggestion() {
    let output = userd(&empty_folder(), &["--listne", "127.0.0.1:1"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("'--listen'"), "{}", err(&output));
}

#[test]
fn config_check_prints_ok_for_a_valid_configuration() {
    let output = userd(&empty_folder(), &["config", "check"], &[]);
    assert_eq!((output.status.code(), out(&output).as_str(), err(&output).as_str()), (Some(0), "ok\n", ""));
}

#[test]
fn config_check_names_every_mistake_and_exits_with_2() {
    let folder = empty_folder();
    fs::write(folder.path().join("userd.toml"), "workrs = 3\n[hash]\niterations = 0\n")
        .expect("the file can be written");
    let output = userd(&folder, &["config", "check", "--listen", "8000"], &[("USERD_LOG", "xml")]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""));
    insta::assert_snapshot!(err(&output), @r#"
    userd: 4 mistakes in the configuration, nothing was started
    workrs in userd.toml: there is no such key; did you mean workers?
    --listen: "8000" is not an address with a port: write both, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000
    USERD_LOG in the environment: "xml" is none of the choices: write one of "text", "json"
    hash.iterations in userd.toml: 0 is out of range: write a whole number from 1 to 64
    "#);
}

#[test]
fn serving_with_a_mistake_exits_with_2_and_starts_nothing() {
    let folder = empty_folder();
    let output = userd(&folder, &[], &[("USERD_STORE", "postgres://localhost/users")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("USERD_STORE in the environment: has the unknown scheme \"postgres\""));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder is there").count(), 0);
}

#[test]
fn config_show_prints_effective_values_and_sources_but_no_secret() {
    let folder = empty_folder();
    fs::write(folder.path().join("userd.toml"), "[redis]\nusername = \"ada\"\nprefix = \"acct:\"\n")
        .expect("the file can be written");
    fs::write(folder.path().join(".env"), "REDIS_ADDRESS=cache.internal\nREDIS_PASSWORD=hunter2\n")
        .expect("the file can be written");
    let variables = [("USERD_HASH__ITERATIONS", "3"), ("USERD_SERVICE_HOST", "10.0.0.1")];
    let output = userd(&folder, &["config", "show", "--log", "json"], &variables);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    for line in [
        "store = \"redis://ada:***@cache.internal:6379/0\"  # from REDIS_ADDRESS in .env\n",
        "log = \"json\"  # from the command line\n",
        "iterations = 3  # from the environment\n",
        "prefix = \"acct:\"  # from userd.toml\n",
        "listen = \"127.0.0.1:8000\"\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("hunter2") && !err(&output).contains("hunter2"));
}

#[test]
fn config_show_is_toml_with_every_key_of_the_reference() {
    let text = out(&userd(&empty_folder(), &["config", "show"], &[]));
    let folder = empty_folder();
    fs::write(folder.path().join("userd.toml"), &text).expect("the file can be written");
    let output = userd(&folder, &["config", "check"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}\n{text}", err(&output));
    let keys = |text: &str| text.lines().filter(|line| !line.starts_with(['#', '[']) && line.contains(" = ")).count();
    assert_eq!(keys(&text), keys(userd::config::DEFAULTS));
}

#[test]
fn the_default_file_and_its_schema_are_printed_whatever_the_configuration_is() {
    let folder = empty_folder();
    let variables = [("USERD_LOG", "xml")];
    let output = userd(&folder, &["config", "default"], &variables);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), userd::config::DEFAULTS));
    let output = userd(&folder, &["config", "schema"], &variables);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    fs::write(folder.path().join("userd.toml"), userd::config::DEFAULTS).expect("the file can be written");
    assert_eq!(out(&userd(&folder, &["config", "check"], &[])), "ok\n", "the printed file is a configuration");
}

#[test]
fn warnings_are_no_mistakes() {
    let output = userd(&empty_folder(), &["config", "check"], &[("USERD_HASH__MEMORY_KIB", "1024")]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "ok\n"));
    assert!(err(&output).starts_with("warning: hash.memory_kib = 1024"), "{}", err(&output));
}

/// `/dev/full` behaves like a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_key_that_can_not_be_printed_is_a_failure() {
    let folder = empty_folder();
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = Command::new(env!("CARGO_BIN_EXE_userd"))
        .args(["api-keys", "create", "--name", "gateway", "--scope", "users:read"])
        .current_dir(folder.path())
        .env_clear()
        .stdout(full)
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("it was done, but the output can't be written: "), "{}", err(&output));
    assert!(err(&output).contains("`userd api-keys revoke "), "which key that is: {}", err(&output));
}

#[test]
fn an_api_key_is_printed_once_listed_without_its_secret_and_revoked() {
    let folder = empty_folder();
    let create = ["api-keys", "create", "--name", "gateway", "--scope", "users:read,users:write"];
    let made = userd(&folder, &create, &[]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let key = out(&made);
    let secret = key.trim_end().rsplit('.').next().expect("a secret");
    assert!(key.starts_with("k1.") && key.lines().count() == 1, "{key}");
    assert!(err(&made).contains("not shown again") && !err(&made).contains(secret), "{}", err(&made));
    let id = key.split('.').nth(1).expect("an id");

    let listed = userd(&folder, &["api-keys", "list"], &[]);
    let lines: Vec<Vec<String>> =
        out(&listed).lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(lines[0], ["ID", "NAME", "CREATED", "LAST", "USED", "REVOKED", "SCOPES"]);
    assert_eq!(lines[1][..2], [id, "gateway"]);
    assert_eq!(lines[1][3..], ["never", "no", "users:read,", "users:write"]);

    let revoked = userd(&folder, &["api-keys", "revoke", id], &[]);
    assert_eq!((revoked.status.code(), out(&revoked)), (Some(0), format!("the API key {id} is revoked\n")));
    let listed = userd(&folder, &["api-keys", "list", "--json"], &[]);
    assert!(!out(&listed).contains(secret) && !out(&listed).contains("digest"), "{}", out(&listed));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let listed = &listed["keys"][0];
    assert_eq!((&listed["id"], &listed["last_used_at"]), (&id.into(), &serde_json::Value::Null));
    assert_eq!(listed["scopes"], serde_json::json!(["users:read", "users:write"]));
    assert!(listed["revoked_at"].is_string(), "{listed}");
}

#[test]
fn mistakes_in_commands_for_keys_get_messages_with_a_suggestion() {
    let folder = empty_folder();
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        let output = userd(&folder, args, &[]);
        let said = err(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(code), ""), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    };
    let create = ["api-keys", "create", "--name", "x", "--scope"];
    let with = |more: &'static str| [&create[..], &[more]].concat();
    let all = "users:read, users:write, sessions:read, sessions:write, admin, metrics";
    refused(&with("user:reed"), 2, &["did you mean users:read?", all]);
    refused(&with("users:read,session:write"), 2, &["did you mean sessions:write?", all]);
    refused(&["api-keys", "create", "--name", "", "--scope", "users:read"], 2, &["1 to 100 characters"]);
    refused(&["api-keys", "create", "--name", "a\nb", "--scope", "users:read"], 2, &["no control characters"]);
    refused(&["api-keys", "create", "--name", "x"], 2, &["--scope"]);
    refused(&["api-keys", "revoke", "gateway"], 2, &["16 hexadecimal digits", "userd api-keys list"]);
    refused(&["api-keys", "revoke", "0123456789abcdef"], 1, &["there is no API key 0123456789abcdef"]);
    let away = ["api-keys", "list", "--store", "redis://127.0.0.1:1"];
    refused(&away, 1, &["userd api-keys: can't reach the store"]);
}

#[test]
fn the_first_signing_key_can_be_made_and_the_next_one_waits_its_time() {
    let folder = empty_folder();
    let none = userd(&folder, &["signing-keys", "list"], &[]);
    assert_eq!((none.status.code(), out(&none).contains("there is no key yet")), (Some(0), true), "{}", err(&none));
    for said in ["is published, and signs from", "is published, and signs from", "is published already"] {
        let rotated = userd(&folder, &["signing-keys", "rotate"], &[("USERD_TOKEN__ALGORITHM", "EdDSA")]);
        assert!(out(&rotated).contains(said), "{}{}", out(&rotated), err(&rotated));
        assert!(out(&rotated).contains("(EdDSA)"), "{}", out(&rotated));
    }
    let listed = out(&userd(&folder, &["signing-keys", "list"], &[]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[1].starts_with("1       EdDSA  ") && lines[1].ends_with("  signs"), "{listed}");
    assert!(lines[2].contains("  published; signs from 20"), "{listed}");
    let now = userd(&folder, &["signing-keys", "rotate", "--now"], &[]);
    assert!(out(&now).contains("(ES256) signs from now on"), "{}{}", out(&now), err(&now));
    assert_eq!(out(&userd(&folder, &["signing-keys", "list"], &[])).lines().count(), 2);
}
