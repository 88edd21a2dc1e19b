//! The real program's tokens, checked by independent libraries that find the keys by themselves, through rotations.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use userd_core::Timestamp;
use userd_core::clock::{Clock, ManualClock, SystemClock};
use userd_core::random::SystemRandom;
use userd_service::{
    KeyDependencies, KeyEncryption, RotationOutcome, SigningAlgorithm, SigningKeyService, propagation_delay_ms,
};
use userd_store_redis::RedisStore;

use super::{LIFE_MS, read};
use userd_test_support::http_client::{HttpResponse, fetch, get, json_request};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::retry::retry_until_some;
use userd_test_support::sign_in_requests::{sign_in, sign_up_user, text_field, with_bearer};
use userd_test_support::userd_process::{UserdCommand, UserdProcess};
use userd_test_support::verifiers::TokenVerifier;

const EMAIL: &str = "ada@example.org";

/// A userd on a file of its own, which signs with `alg`.
pub(super) fn served(alg: &str) -> (UserdProcess, TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().set("token.audience", "userd,billing");
    (launch.set("token.algorithm", alg).start(), folder)
}

/// Somebody signs up, and in: what they got, and a token for other services.
pub(super) async fn token_of(address: SocketAddr) -> (Value, String) {
    sign_up_user(address, EMAIL).await;
    let signed_in = sign_in(address, EMAIL).await;
    let token = minted(address, &text_field(&signed_in, "token")).await;
    (signed_in, token)
}

/// A token for other services, for who has this session.
async fn minted(address: SocketAddr, session: &str) -> String {
    let answer = fetch(address, &with_bearer(session, json_request("POST", "/api/token", &json!({})))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    text_field(&answer.json(), "token")
}

/// Whether it is the problem of this kind.
pub(super) fn is_problem(answer: &HttpResponse, status: u16, slug: &str) -> bool {
    answer.status == status && answer.json()["type"] == format!("urn:userd:problem:{slug}")
}

fn kid(token: &str) -> String {
    text_field(&read(token).0, "kid")
}

/// The names of the keys that are published.
async fn published(address: SocketAddr) -> BTreeSet<String> {
    let jwks = fetch(address, &get("/.well-known/jwks.json")).await.json();
    jwks["keys"].as_array().expect("keys").iter().map(|key| text_field(key, "kid")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_libraries_find_tokens_good_and_read_what_they_say() {
    for alg in ["ES256", "EdDSA"] {
        let (serving, _folder) = served(alg);
        let (address, base) = (serving.address(), format!("http://{}", serving.address()));
        let (signed_in, token) = token_of(address).await;
        let request = json!({"refresh_token": text_field(&signed_in, "refresh_token"), "audience": "userd"});
        let refreshed = fetch(address, &json_request("POST", "/api/token/refresh", &request)).await.json();
        for verifier in &mut TokenVerifier::each(&base, "userd") {
            for token in [&token, &text_field(&refreshed, "token")] {
                let verdict = verifier.verify(token);
                assert!(verdict.good, "{} ({alg}): {}", verifier.name, verdict.why);
                assert_eq!(verdict.kid.as_deref(), Some(kid(token).as_str()));
                assert_eq!(verdict.claims["iss"], base);
                assert_eq!(verdict.claims["sub"], signed_in["id"]);
                assert_eq!(verdict.claims["sid"], signed_in["session_id"]);
            }
            assert_eq!(verifier.verify(&token).fetches, 1);
        }
        for verifier in &mut TokenVerifier::each(&base, "billing") {
            assert!(!verifier.verify(&token).good, "{}: it is for somebody else", verifier.name);
        }
    }
}

/// Rotates so that the next key signs in `lead_ms`: by a clock that is set back, as if the operator had rotated a
/// while ago.
async fn rotate_for(store: &Arc<RedisStore>, lead_ms: u64) -> String {
    let ago_ms = propagation_delay_ms(LIFE_MS) - lead_ms;
    let clock = ManualClock::at(Timestamp::from_millis(SystemClock.now().as_millis() - ago_ms));
    let dependencies = KeyDependencies {
        store: Arc::clone(store) as _,
        key_encryption: Arc::new(KeyEncryption::new(None)),
        clock: Arc::new(clock),
        random: Arc::new(SystemRandom),
    };
    match SigningKeyService::new(dependencies, SigningAlgorithm::Es256, LIFE_MS).rotate().await.expect("it rotates") {
        RotationOutcome::Created(next) => next.kid,
        other @ RotationOutcome::Pending(_) => panic!("{other:?}"),
    }
}

/// Two nodes on one Redis: services fetch keys from the one, and tokens come from the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_on_redis_is_no_matter_to_independent_libraries_and_one_at_once_is() {
    let server = RedisServer::start();
    let store = RedisStore::start(server.settings(), Arc::new(SystemRandom)).await.expect("the server is good");
    let store = Arc::new(store);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server);
    let one = launch.start();
    let base = format!("http://{}", one.address());
    let other = launch.clone().set("token.issuer", &base).start();
    let (signed_in, mut old) = token_of(other.address()).await;
    let session = text_field(&signed_in, "token");

    // The key before is published and signs while the next is published only. On a machine that takes longer than that
    // to look, the next rotation gets more time.
    let mut lead_ms = 5_000;
    let next = loop {
        let next = rotate_for(&store, lead_ms).await;
        let look = async || published(one.address()).await.contains(&next).then_some(());
        retry_until_some("the next key is published", look).await;
        let token = minted(other.address(), &session).await;
        if kid(&token) != next {
            break next;
        }
        old = token;
        lead_ms *= 2;
    };
    let mut verifiers = TokenVerifier::each(&base, "userd");
    for verifier in &mut verifiers {
        let verdict = verifier.verify(&old);
        assert!(verdict.good, "{}: {}", verifier.name, verdict.why);
    }
    let signs = async || Some(minted(other.address(), &session).await).filter(|token| kid(token) == next);
    let new = retry_until_some("the next key signs", signs).await;
    for verifier in &mut verifiers {
        for token in [&old, &new] {
            let verdict = verifier.verify(token);
            assert!(verdict.good, "{}: {}", verifier.name, verdict.why);
            assert_eq!(verdict.fetches, 1, "{} had both keys before the new one signed", verifier.name);
        }
    }

    let rotated = launch.run(&["signing-keys", "rotate", "--now"]);
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let alone = async || Some(published(one.address()).await).filter(|keys| keys.len() == 1 && !keys.contains(&next));
    let keys = retry_until_some("only the newest key is published", alone).await;
    let signs = async || Some(minted(other.address(), &session).await).filter(|token| keys.contains(&kid(token)));
    let newest = retry_until_some("the newest key signs", signs).await;
    for verifier in &mut TokenVerifier::each(&base, "userd") {
        assert!(verifier.verify(&newest).good);
        for token in [&old, &new] {
            assert!(!verifier.verify(token).good, "{} takes the token of a removed key", verifier.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_start_at_once_on_a_fresh_redis_sign_with_one_key() {
    let server = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server);
    let starting: Vec<_> = (0..4).map(|_| launch.clone()).map(|one| thread::spawn(move || one.start())).collect();
    let nodes: Vec<UserdProcess> = starting.into_iter().map(|one| one.join().expect("it starts")).collect();
    let (signed_in, first) = token_of(nodes[0].address()).await;
    for node in &nodes {
        assert_eq!(kid(&minted(node.address(), &text_field(&signed_in, "token")).await), kid(&first));
        assert_eq!(published(node.address()).await, BTreeSet::from([kid(&first)]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_discovery_page_and_the_keys_may_be_kept_and_hold_nothing_private() {
    let (serving, _folder) = served("ES256");
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
async fn a_start_with_another_seal_is_refused_with_a_sentence_and_a_rotation_at_once_mends_it() {
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
    token_of(serving.address()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_changed_beside_a_serving_userd_that_sees_it_soon() {
    let (serving, folder) = served("ES256");
    let launch = UserdCommand::in_folder(folder.path());
    let before = published(serving.address()).await;
    let rotated = launch.run(&["signing-keys", "rotate"]);
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let both = async || Some(published(serving.address()).await).filter(|keys| keys.len() == 2);
    let both = retry_until_some("both keys are published", both).await;
    assert!(both.is_superset(&before));
    let listed = launch.run(&["signing-keys", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let states: Vec<_> = listed["keys"].as_array().expect("keys").iter().map(|key| text_field(key, "state")).collect();
    assert_eq!(states, ["active", "pending"]);
}
