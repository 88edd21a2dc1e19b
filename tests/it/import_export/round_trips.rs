//! Users that are exported and imported again keep ids, hashes and sessions.

use serde_json::Value;
use userd_core::clock::{Clock, SystemClock};

use super::{err, export, file_of, id, import, line, out, setup, words, written};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::RedisCluster;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::sign_in_requests::{current_session, sign_in, sign_up_user, text_field};

const EMAILS: [&str; 3] = ["Ada@example.org", "bob@example.org", "zoë@bücher.example"];

#[tokio::test(flavor = "multi_thread")]
async fn from_a_file_to_redis_to_a_cluster_and_back_users_hashes_and_sessions_stay() {
    let (folder, in_file) = setup();
    let (server, cluster) = (RedisServer::start(), RedisCluster::start(3, 0));
    let serving = in_file.start();
    for email in EMAILS {
        sign_up_user(serving.address(), email).await;
    }
    let token = text_field(&sign_in(serving.address(), EMAILS[0]).await, "token");
    // While the server runs.
    let path = folder.path().join("users.ndjson");
    let written = in_file.run(&["export", "--sessions", "--output", words(&path)]);
    assert_eq!((written.status.code(), out(&written)), (Some(0), String::new()), "{}", err(&written));
    let lines = export(&in_file, &["--sessions"]);
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].contains("Ada@example.org") && lines[2].contains("zoë@bücher.example"),
        "in sign-up order, as entered"
    );
    assert!(export(&in_file, &[]).iter().all(|line| !line.contains("sessions")), "only with --sessions");
    serving.stop();

    let (_one, in_redis) = setup();
    let (_two, in_cluster) = setup();
    let (_three, in_last) = setup();
    let in_redis = in_redis.redis(&server);
    let in_cluster = in_cluster.store(&cluster.url());
    let serving = in_redis.start();
    let (mut from, mut path) = (&in_redis, path);
    for to in [&in_redis, &in_cluster, &in_last] {
        let (code, sum) = import(to, &[words(&path)]);
        assert_eq!((code, &sum["imported"], &sum["file"]), (Some(0), &3.into(), &"complete".into()), "{sum}");
        let (code, sum) = import(to, &[words(&path)]);
        assert_eq!((code, &sum["same"], &sum["imported"]), (Some(0), &3.into(), &0.into()), "again: {sum}");
        assert_eq!(export(to, &["--sessions"]), lines);
        from = to;
        path = folder.path().join("next.ndjson");
        assert_eq!(from.run(&["export", "--sessions", "--replace", "-o", words(&path)]).status.code(), Some(0));
    }
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
    let last = from.start();
    for address in [serving.address(), last.address()] {
        assert_eq!(current_session(address, &token).await.status, 200, "the old session is still valid");
        for email in EMAILS {
            assert!(!text_field(&sign_in(address, email).await, "token").is_empty(), "{email}");
        }
    }
    let json: Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(json["sessions"].as_array().map(Vec::len), Some(1));
}

/// What the build of commit 1a3a6ae exported with `--sessions`: Ada with a session, and Bob.
///
/// That build served an empty SQLite file; curl signed up Ada and Bob at `POST /api/users` and signed Ada in at
/// `POST /api/login`; then the server was stopped, and `userd export --sessions --output export-1a3a6ae.ndjson` ran.
const EXPORT_OF_1A3A6AE: &str = include_str!("../fixtures/export-1a3a6ae.ndjson");

/// The token of Ada's session in that file.
const TOKEN_OF_1A3A6AE: &str = "v1.01a226cc-e9b6-7e6f-94a0-0e348f17123c.lTKT-21GLMPqmpoNw6H2wzi4ggMHoCqMGGv2pUoyYRQ";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_the_former_names_of_session_fields_is_imported_and_its_sessions_go_on() {
    let (folder, launch) = setup();
    assert!(EXPORT_OF_1A3A6AE.contains("made_at") && EXPORT_OF_1A3A6AE.contains("seen_at"));
    // The session would have expired; its two moments are the only ones with these milliseconds.
    let fresh = EXPORT_OF_1A3A6AE.replace("2026-11-29T10:14:54.680Z", &SystemClock.now().to_string());
    let (code, sum) = import(&launch, &[words(&written(folder.path(), "former", &fresh))]);
    assert_eq!((code, &sum["imported"], &sum["file"]), (Some(0), &2.into(), &"complete".into()), "{sum}");
    let lines = export(&launch, &["--sessions"]);
    assert!(lines[0].contains("last_used_at") && !lines[0].contains("seen_at"), "{}", lines[0]);
    let serving = launch.start();
    assert_eq!(current_session(serving.address(), TOKEN_OF_1A3A6AE).await.status, 200);
    for email in ["ada@example.org", "bob@example.org"] {
        assert!(!text_field(&sign_in(serving.address(), email).await, "token").is_empty(), "{email}");
    }
}

#[test]
fn a_user_with_a_damaged_session_is_named_and_stops_no_other_user() {
    const FROM_A_LATER_EPOCH: &str = "for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do if #name == 16 then \
        local core = redis.call('HGET', KEYS[1], name) \
        redis.call('HSET', KEYS[1], name, core:sub(1, 16) .. '\\255\\255\\255\\255' .. core:sub(21)) end end";
    let (server, (folder, launch)) = (RedisServer::start(), setup());
    let launch = launch.redis(&server);
    import(&launch, &[words(&file_of(folder.path(), 3))]);
    let session = r#""sessions":[{"id":"AAAAAAAAAAAAAAAAAAAAAA","proof":"AAAAAAAAAAAAAAAAAAAAAA","created_at":"NOW"}]"#;
    let session = session.replace("NOW", &SystemClock.now().to_string());
    let signed_in = line(7).replace("\"created_at\"", &format!("{session},\"created_at\""));
    let (code, sum) = import(&launch, &[words(&written(folder.path(), "signed-in", &signed_in))]);
    assert_eq!((code, &sum["imported"]), (Some(0), &1.into()), "{sum}");
    let keys = server.texts(&["KEYS", &format!("*:sessions:{}", id(7))]);
    server.command(&["EVAL", FROM_A_LATER_EPOCH, "1", &keys[0]]);
    let output = launch.run(&["export", "--sessions"]);
    assert_eq!((output.status.code(), out(&output).lines().count()), (Some(3), 5), "{}", err(&output));
    assert!(err(&output).contains(&format!("user {} can't be read and is missing", id(7))), "{}", err(&output));
}
