//! Users go from store to store and stay who they are.

use serde_json::Value;

use super::{err, export, import, out, place, words};
use crate::support::redis_audit::audit;
use crate::support::redis_cluster::RedisCluster;
use crate::support::redis_server::RedisServer;
use crate::support::sign_ins::{session, sign_in, somebody, text};

const EMAILS: [&str; 3] = ["Ada@example.org", "bob@example.org", "zoë@bücher.example"];

#[tokio::test(flavor = "multi_thread")]
async fn from_a_file_to_redis_to_a_cluster_and_back_users_hashes_and_sessions_stay() {
    let (folder, in_file) = place();
    let (server, cluster) = (RedisServer::start(), RedisCluster::start(3, 0));
    let serving = in_file.start();
    for email in EMAILS {
        somebody(serving.address(), email).await;
    }
    let token = text(&sign_in(serving.address(), EMAILS[0]).await, "token");
    // While it is served.
    let path = folder.path().join("users.ndjson");
    let written = in_file.run(&["export", "--sessions", "--output", words(&path)]);
    assert_eq!((written.status.code(), out(&written)), (Some(0), String::new()), "{}", err(&written));
    let lines = export(&in_file, &["--sessions"]);
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].contains("Ada@example.org") && lines[2].contains("zoë@bücher.example"),
        "in sign-up order, as written"
    );
    assert!(export(&in_file, &[]).iter().all(|line| !line.contains("sessions")), "only when asked for");
    serving.stop();

    let (_one, in_redis) = place();
    let (_two, in_cluster) = place();
    let (_three, in_last) = place();
    let in_redis = in_redis.redis(&server);
    let in_cluster = in_cluster.store(&cluster.url());
    let serving = in_redis.start();
    let (mut from, mut path) = (&in_redis, path);
    for to in [&in_redis, &in_cluster, &in_last] {
        let (code, sum) = import(to, &[words(&path)]);
        assert_eq!((code, &sum["imported"], &sum["file"]), (Some(0), &3.into(), &"whole".into()), "{sum}");
        let (code, sum) = import(to, &[words(&path)]);
        assert_eq!((code, &sum["same"], &sum["imported"]), (Some(0), &3.into(), &0.into()), "again: {sum}");
        assert_eq!(export(to, &["--sessions"]), lines);
        from = to;
        path = folder.path().join("next.ndjson");
        assert_eq!(from.run(&["export", "--sessions", "-o", words(&path)]).status.code(), Some(0));
    }
    assert_eq!(audit(&server, "userd:").all(), Vec::<String>::new());
    let last = from.start();
    for address in [serving.address(), last.address()] {
        assert_eq!(session(address, &token).await.status, 200, "the old session goes on");
        for email in EMAILS {
            assert!(!text(&sign_in(address, email).await, "token").is_empty(), "{email}");
        }
    }
    let json: Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(json["sessions"].as_array().map(Vec::len), Some(1));
}
