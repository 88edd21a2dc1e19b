//! A whole shard of a cluster is unavailable: its users get a 503 within bounded time, all others are served, and no
//! user is lost. (Row 11 of the fault table.)
//!
//! The caller is a service with an API key, which may be stored in that shard: without any key, userd would have to
//! confirm that there is none.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use userd_core::{CanonicalEmail, UserId};
use userd_store_redis::layout::KeyLayout;

use userd_test_support::fault_report::report_row;
use userd_test_support::http_client::{HttpResponse, fetch, get, wait_for_status, wait_until_signed_up};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::ClusterPlan;
use userd_test_support::sign_in_requests::with_bearer;
use userd_test_support::userd_process::UserdCommand;

/// Enough that every shard has some.
const USERS: usize = 90;

/// How many look up at once.
const CLIENTS: usize = 10;

/// Looks up one user after the other; returns each answer with the time that it took.
async fn answers(
    address: SocketAddr,
    key: String,
    looks: Vec<(String, bool)>,
) -> Vec<(String, bool, HttpResponse, Duration)> {
    let mut answers = Vec::new();
    for (path, concerned) in looks {
        let began = Instant::now();
        let answer = fetch(address, &with_bearer(&key, get(&path))).await;
        answers.push((path, concerned, answer, began.elapsed()));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_unavailable_shard_only_its_own_users_are_refused() {
    let mut cluster = ClusterPlan::of(3, 1).with(&["--appendfsync", "always"]).start();
    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path()).store(&cluster.url()).cheap_hashes();
    let launch = launch.set("redis.timeout_ms", "300");
    let serving = launch.start();
    let address = serving.address();
    let mut users = Vec::new();
    for number in 0..USERS {
        let email = format!("user-{number}@example.org");
        users.push((email.clone(), wait_until_signed_up(address, &email).await.id()));
    }
    let key = launch.make_api_key("users:read");
    // From now on look-ups need the key, and the key is cached.
    wait_for_status(address, &format!("/api/users/{}", users[0].1), 401).await;
    let first = fetch(address, &with_bearer(&key, get("/api/users"))).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let gone = cluster.primary_of_key("userd:{000}:keys:api");
    let keys = KeyLayout::with_prefix("userd:".to_owned());
    let is_gone = |key: String| cluster.primary_of_key(&key) == gone;
    let mut looks = Vec::new();
    for (email, id) in &users {
        let by_id = is_gone(keys.user(UserId::parse(id).expect("an id")));
        let claim = is_gone(keys.claim(&CanonicalEmail::parse(email).expect("an e-mail")));
        looks.push((format!("/api/users/{id}"), by_id));
        looks.push((format!("/api/users/{email}"), by_id || claim));
    }
    let shard: Vec<usize> = std::iter::once(gone).chain(cluster.replicas_of(gone)).collect();
    for &node in &shard {
        cluster.kill(node);
    }
    let (mut served, mut of_others, mut refused, mut longest) = (0_u32, 0_u32, 0_u32, Duration::ZERO);
    let mut clients = JoinSet::new();
    for looks in looks.chunks(looks.len() / CLIENTS) {
        clients.spawn(answers(address, key.clone(), looks.to_vec()));
    }
    for (path, concerned, answer, time) in clients.join_all().await.concat() {
        longest = longest.max(time);
        if concerned {
            assert!(answer.is_retryable_503(), "{path}: {answer:?}");
            refused += 1;
        } else {
            of_others += 1;
            served += u32::from(answer.status == 200);
        }
    }
    for &node in &shard {
        cluster.start_again(node);
    }
    cluster.wait_until_healthy();
    wait_until_signed_up(address, "afterwards@example.org").await;
    for (email, id) in &users {
        let by_id = fetch(address, &with_bearer(&key, get(&format!("/api/users/{id}")))).await;
        let by_email = fetch(address, &with_bearer(&key, get(&format!("/api/users/{email}")))).await;
        assert_eq!((by_id.status, by_id.text()), (200, by_email.text()), "{email}");
    }
    report_row(
        "shard gone",
        &[
            ("look-ups of users elsewhere", of_others.to_string()),
            ("served", format!("{:.1} %", 100.0 * f64::from(served) / f64::from(of_others))),
            ("look-ups that need the shard, all refused with 503", refused.to_string()),
            ("longest wait for an answer", format!("{:.2} s", longest.as_secs_f64())),
        ],
    );
    assert!(refused > 0 && of_others > 0, "{refused} and {of_others}");
    assert!(served * 100 >= of_others * 99, "only {served} of {of_others} look-ups of others were served");
    assert_eq!(audit(&cluster, "userd:").contradictions, Vec::<String>::new());
}
