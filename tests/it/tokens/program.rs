//! Tokens and signing keys of the real program: first start, discovery, encryption of keys, rotation while it serves.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use userd_test_support::http_client::{fetch, get};
use userd_test_support::program_tokens::{
    create_token, published_kids, serve_with_algorithm, sign_in_for_token, token_kid,
};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::retry::retry_until_some;
use userd_test_support::sign_in_requests::text_field;
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_start_at_once_on_a_fresh_redis_sign_with_one_key() {
    let server = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server);
    let starting: Vec<_> = (0..4).map(|_| launch.clone()).map(|one| thread::spawn(move || one.start())).collect();
    let nodes: Vec<UserdProcess> = starting.into_iter().map(|one| one.join().expect("it starts")).collect();
    let (signed_in, first) = sign_in_for_token(nodes[0].address()).await;
    for node in &nodes {
        assert_eq!(token_kid(&create_token(node.address(), &text_field(&signed_in, "token")).await), token_kid(&first));
        assert_eq!(published_kids(node.address()).await, BTreeSet::from([token_kid(&first)]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_discovery_document_and_the_keys_are_cacheable_and_hold_nothing_private() {
    let (serving, _folder) = serve_with_algorithm("ES256");
    let address = serving.address();
    let page = fetch(address, &get("/.well-known/openid-configuration")).await;
    let keys = fetch(address, &get("/.well-known/jwks.json")).await;
    for answer in [&page, &keys] {
        assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("public, max-age=300")));
    }
    assert_eq!(keys.header("Content-Type"), Some("application/jwk-set+json"));
    let key = keys.json()["keys"][0].clone();
    let members: Vec<&str> = key.as_object().expect("a key").keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    let base = format!("http://{address}");
    assert_eq!(
        page.json(),
        json!({
            "issuer": base,
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "token_endpoint": format!("{base}/api/token"),
            "id_token_signing_alg_values_supported": ["ES256", "EdDSA"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "claims_supported": ["iss", "aud", "sub", "sid", "iat", "exp", "jti"],
        })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_another_encryption_key_is_rejected_and_an_immediate_rotation_fixes_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes();
    let sealed = |byte: char| launch.clone().set("token.encryption_key", &format!("{}=", byte.to_string().repeat(43)));
    let (one, other) = (sealed('A'), sealed('E'));
    one.start().stop();
    for wrong in [&launch, &other] {
        let mut refused = wrong.spawn();
        assert_eq!(refused.wait(), Some(1));
        let log = refused.log();
        assert!(log.contains("token.encryption_key") && log.contains("userd signing-keys rotate --now"), "{log}");
    }
    let rotated = other.run(&["signing-keys", "rotate"]);
    let sentence = String::from_utf8_lossy(&rotated.stderr).into_owned();
    assert_eq!(rotated.status.code(), Some(1));
    assert!(sentence.contains("encrypted with another key than token.encryption_key"), "{sentence}");
    assert!(other.run(&["signing-keys", "rotate", "--now"]).status.success());
    let serving = other.start();
    sign_in_for_token(serving.address()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serving_userd_soon_sees_keys_that_another_process_changes() {
    let (serving, folder) = serve_with_algorithm("ES256");
    let launch = UserdCommand::in_folder(folder.path());
    let before = published_kids(serving.address()).await;
    let rotated = launch.run(&["signing-keys", "rotate"]);
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let both = async || Some(published_kids(serving.address()).await).filter(|keys| keys.len() == 2);
    let both = retry_until_some("both keys are published", both).await;
    assert!(both.is_superset(&before));
    let listed = launch.run(&["signing-keys", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let states: Vec<_> = listed["keys"].as_array().expect("keys").iter().map(|key| text_field(key, "state")).collect();
    assert_eq!(states, ["active", "pending"]);
}
