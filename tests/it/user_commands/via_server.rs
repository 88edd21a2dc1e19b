//! Through a server: its responses, and the handling of the API key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::canned_server::CannedServer;
use super::{WorkFolder, err, out};

fn user(name: &str) -> String {
    json!({
        "id": "01936f2e-8a4b-7c3d-9e5f-0123456789ab",
        "name": name,
        "email": "ada@example.org",
        "created_at": "2026-11-24T22:00:00.000Z",
        "updated_at": "2026-11-24T22:00:00.000Z",
        "disabled": false,
        "password_expired": false,
    })
    .to_string()
}

fn problem(slug: &str, title: &str, detail: &str) -> String {
    json!({ "type": format!("urn:userd:problem:{slug}"), "title": title, "detail": detail }).to_string()
}

#[test]
fn the_key_travels_in_a_header_and_an_email_in_the_path() {
    let server = CannedServer::answering(vec![("200 OK".to_owned(), user("Ada")), ("200 OK".to_owned(), user("Ada"))]);
    let folder = WorkFolder::empty();
    fs::write(folder.path().join("key"), "k1.0123456789abcdef.secret\n").expect("the file can be written");
    fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o600)).expect("it is ours");
    let shown = folder.userd(&["user", "show", "ada+x@example.org", "--server", &server.url(), "--key-file", "key"]);
    assert_eq!((shown.status.code(), err(&shown).as_str()), (Some(0), ""));
    assert!(out(&shown).contains("name\tAda\n"), "{}", out(&shown));
    // A slash at the end of the address is not part of the path.
    let url = format!("{}/", server.url());
    let variables = [("USERD_API_KEY", "k1.other")];
    let shown = folder.userd_with(&["user", "--server", &url, "show", "ada@example.org"], &variables);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /admin/users/ada%2Bx%40example.org HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[0].to_lowercase().contains("authorization: bearer k1.0123456789abcdef.secret\r\n"));
    assert!(requests[1].starts_with("GET /admin/users/ada%40example.org HTTP/1.1\r\n"), "{}", requests[1]);
    assert!(requests[1].to_lowercase().contains("authorization: bearer k1.other\r\n"), "{}", requests[1]);
}

#[test]
fn each_response_has_its_message_and_exit_code() {
    let cases = [
        (
            "404 Not Found",
            problem("user-not-found", "User not found", "there is no user ada"),
            4,
            "there is no user ada",
        ),
        ("404 Not Found", problem("not-found", "Not found", "nothing"), 1, "has no admin API"),
        (
            "401 Unauthorized",
            problem("authentication-required", "Authentication required", "no key"),
            1,
            "--key-file FILE, or USERD_API_KEY",
        ),
        ("403 Forbidden", problem("forbidden", "Forbidden", "no scope"), 1, "--scope admin` on its machine"),
        ("422 Unprocessable", problem("invalid-fields", "Fields", "name must not be empty"), 2, "name must not be"),
        ("503 Away", problem("store-unavailable", "The store", "is away"), 1, "The store: is away"),
        ("502 Bad Gateway", "<html>nginx</html>".to_owned(), 1, "502 Bad Gateway, which is not a response of userd"),
        ("200 OK", "{\"id\":7}".to_owned(), 1, "which is not a response of userd's admin API"),
        ("307 Elsewhere\r\nLocation: http://127.0.0.1:1/", String::new(), 1, "answered 307"),
    ];
    let answers = cases.iter().map(|(status, body, ..)| ((*status).to_owned(), body.clone())).collect();
    let server = CannedServer::answering(answers);
    let folder = WorkFolder::empty();
    for (status, body, code, words) in &cases {
        let refused = folder.userd(&["user", "show", "ada", "--server", &server.url()]);
        assert_eq!(refused.status.code(), Some(*code), "{status} {body}: {}", err(&refused));
        assert!(err(&refused).starts_with("userd: ") && err(&refused).contains(words), "{}", err(&refused));
        assert_eq!(out(&refused), "");
    }
    assert_eq!(server.requests().len(), cases.len(), "one request each: a redirect is not followed");
}

#[test]
fn no_response_reaches_the_terminal_as_a_command() {
    let hostile = "\u{1b}]0;gone\u{7}\u{202e}moc.elpmaxe";
    let refusal = problem("forbidden", hostile, hostile);
    let unreadable = json!({ "id": hostile, "unreadable": true });
    let answers = vec![
        ("200 OK".to_owned(), user(hostile)),
        ("200 OK".to_owned(), user(hostile)),
        ("403 Forbidden".to_owned(), refusal),
        ("200 OK".to_owned(), json!({ "items": [unreadable], "next": hostile, "previous": null }).to_string()),
    ];
    let server = CannedServer::answering(answers);
    let folder = WorkFolder::empty();
    for asked in [&["show", "ada"][..], &["show", "ada", "--json"], &["show", "ada"], &["list"]] {
        let url = server.url();
        let args = [&["user", "--server", &url], asked].concat();
        let output = folder.userd(&args);
        let text = out(&output) + &err(&output);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        assert!(text.contains("moc.elpmaxe"), "{text}");
    }
}

#[test]
fn invalid_options_are_rejected_before_any_request() {
    let folder = WorkFolder::empty();
    fs::write(folder.path().join("two"), "k1.one two\n").expect("the file can be written");
    fs::write(folder.path().join("none.pem"), "no certificate\n").expect("the file can be written");
    let server = ["--server", "http://127.0.0.1:1"];
    for (args, words) in [
        (&["--key-file", "missing"][..], "--key-file: can't read missing: No such file"),
        (&["--key-file", "."], "--key-file: can't read .: "),
        (&["--key-file", "two"], "--key-file: two has no API key"),
        (&["--tls-ca", "none.pem"], "--tls-ca: none.pem has no certificate in PEM"),
        (&["--store", "sqlite:x.db"], "--server and --store name two targets"),
    ] {
        let refused = folder.userd(&[&["user", "list"], &server[..], args].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
        assert!(err(&refused).contains(words), "{}", err(&refused));
    }
    let keyless = folder.userd_with(&["stats", "--server", server[1]], &[("USERD_API_KEY", "k1.\u{e9}")]);
    assert_eq!(keyless.status.code(), Some(2));
    assert!(err(&keyless).contains("USERD_API_KEY in the environment has no API key"), "{}", err(&keyless));
    let homeless = folder.userd(&["user", "list", "--key-file", "two"]);
    assert_eq!(homeless.status.code(), Some(2));
    assert!(err(&homeless).contains("--server <URL>"), "{}", err(&homeless));
}

#[test]
fn a_key_file_that_others_may_read_causes_a_warning() {
    let folder = WorkFolder::empty();
    let file = folder.path().join("key");
    fs::write(&file, "k1.one\n").expect("the file can be written");
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        let refused = folder.userd(&["stats", "--server", "http://127.0.0.1:1", "--key-file", "key"]);
        assert_eq!(refused.status.code(), Some(1));
        let warning = "warning: other users of this machine may read or change key: run chmod 600\n";
        assert_eq!(err(&refused).contains(warning), warned, "{mode:o}: {}", err(&refused));
    }
}

#[test]
fn an_unreachable_server_is_named_and_an_unencrypted_one_causes_a_warning() {
    let folder = WorkFolder::empty();
    let gone = CannedServer::answering(Vec::new());
    let refused = folder.userd(&["stats", "--server", &gone.url()]);
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!("userd: can't reach {}: the connection was refused\n", gone.url());
    assert_eq!(err(&refused), expected);
    let far = folder.userd(&["stats", "--server", "http://no-such-host.invalid"]);
    assert_eq!(far.status.code(), Some(1));
    assert!(err(&far).contains("warning: http://no-such-host.invalid is not encrypted"), "{}", err(&far));
    assert!(err(&far).contains("can't "), "{}", err(&far));
}
