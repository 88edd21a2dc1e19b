//! Imports from a legacy database.

use std::fs;

use serde_json::Value;

use super::{err, export, id, out, setup, words};
use userd_test_support::fixtures::SOME_HASH;
use userd_test_support::redis_server::RedisServer;

/// Writes a record as the Rocket + Redis tutorial's service does.
fn seed(server: &RedisServer, key: &str, email: &str, hash: &str, created: &str) {
    let fields =
        ["name", "Ada", "email", email, "hashed_password", hash, "salt", "c2FsdA", "created", created, "updated", ""];
    server.command(&[&["HSET", key][..], &fields].concat());
    server.command(&["ZADD", "users_by_email", "0", &format!("{email}:{key}")]);
}

#[test]
fn users_are_imported_duplicates_and_invalid_records_reported_and_nothing_is_changed() {
    let server = RedisServer::start_with(&["--enable-debug-command", "local"]);
    let (folder, launch) = setup();
    seed(&server, &id(1), "one@example.org", SOME_HASH, "2020-01-01T00:00:00.000Z");
    seed(&server, &format!("user:{}", id(2)), "two@example.org", SOME_HASH, "1577836800");
    seed(&server, &id(3), "three@example.org", SOME_HASH, "1577836800000");
    seed(&server, &id(4), "Doubled@example.org", SOME_HASH, "1577836800");
    seed(&server, &id(5), "doubled@EXAMPLE.org", SOME_HASH, "1577836800");
    seed(&server, &id(6), "raw@example.org", "bm90aGluZyBidXQgYSBoYXNo", "1577836800");
    seed(&server, "user:seven", "seven@example.org", SOME_HASH, "1577836800");
    seed(&server, &id(8), "no address", SOME_HASH, "1577836800");
    seed(&server, &id(9), "nine@example.org", SOME_HASH, "yesterday");
    let dear = SOME_HASH.replace("m=19456", "m=4194304");
    seed(&server, &id(10), "ten@example.org", &dear, "1577836800");
    seed(&server, "user:\u{202e}\u{9b}", "eleven@example.org", SOME_HASH, "1577836800");
    server.command(&["HSET", "cart:7", "items", "3"]);
    server.command(&["SET", "counter", "7"]);
    let before = server.text(&["DEBUG", "DIGEST"]);
    let results = folder.path().join("results");
    let command = ["import", "--from-legacy", &server.url(), "--results", words(&results)];
    let output = launch.run(&command);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert_eq!(out(&output), "3 imported, 8 not readable; 1 other hashes ignored\n");
    assert_eq!(server.text(&["DEBUG", "DIGEST"]), before, "it is only read");
    let results = fs::read_to_string(&results).expect("the results are there");
    assert!(results.contains(r#""user:\u202e\u009b""#), "{results}");
    let reason = |number: usize| {
        let lines = results.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut of = lines.filter(|line| line["key"].as_str().is_some_and(|key| key.ends_with(&id(number))));
        of.next().expect("a result")["reason"].as_str().map(str::to_owned).unwrap_or_default()
    };
    assert_eq!((reason(1), reason(2)), (String::new(), String::new()));
    assert!(reason(4).contains("same e-mail") && reason(5).contains("same e-mail"), "{results}");
    assert!(
        reason(6).starts_with("`hashed_password` does not have its scheme") && reason(8).starts_with("`email` "),
        "{results}"
    );
    assert!(
        reason(9).starts_with("`created` is not a timestamp") && results.contains("does not end with a UUID"),
        "{results}"
    );
    assert_eq!(reason(10), "`hashed_password` can't be taken: it needs more memory than is allowed");
    let lines = export(&launch, &[]);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.contains(r#""created_at":"2020-01-01T00:00:00.000Z""#)), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(SOME_HASH)), "{lines:?}");
    // The URL may hold a password, and so be in a file.
    fs::write(folder.path().join("url"), format!("{}\n", server.url())).expect("there is room");
    let again = launch.run(&["import", "--from-legacy-file", "url"]);
    assert_eq!(out(&again), "0 imported, 3 there already, 8 not readable; 1 other hashes ignored\n");
}

#[test]
fn a_url_that_is_no_legacy_database_is_rejected() {
    let (_folder, launch) = setup();
    for (url, why) in [
        ("sqlite:old.db", "--from-legacy must be redis://HOST:PORT/DB"),
        ("redis+cluster://127.0.0.1:1", "the legacy layout has one server"),
        ("redis://127.0.0.1:1/0", "127.0.0.1:1"),
    ] {
        let output = launch.run(&["import", "--from-legacy", url]);
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        assert!(err(&output).contains(why), "{}", err(&output));
    }
}
