//! The real program's tokens, verified by independent libraries that fetch the keys themselves, through rotations.

use std::sync::Arc;

use serde_json::json;
use userd_core::Timestamp;
use userd_core::clock::{Clock, ManualClock, SystemClock};
use userd_core::random::SystemRandom;
use userd_service::{
    KeyDependencies, KeyEncryption, RotationOutcome, SigningAlgorithm, SigningKeyService, propagation_delay_ms,
};
use userd_store_redis::RedisStore;
use userd_test_support::forged_tokens::{build_token, forge_tokens, read_signing_key};
use userd_test_support::http_client::{fetch, get, json_request};
use userd_test_support::program_tokens::{
    create_token, published_kids, serve_with_algorithm, sign_in_for_token, token_kid, token_parts,
};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::retry::retry_until_some;
use userd_test_support::sign_in_requests::text_field;
use userd_test_support::userd_process::UserdCommand;
use userd_test_support::verifiers::TokenVerifier;

/// How long a token is valid by default.
const TTL_MS: u64 = 300_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_libraries_accept_tokens_and_read_their_claims() {
    for alg in ["ES256", "EdDSA"] {
        let (serving, _folder) = serve_with_algorithm(alg);
        let (address, base) = (serving.address(), format!("http://{}", serving.address()));
        let (signed_in, token) = sign_in_for_token(address).await;
        let request = json!({"refresh_token": text_field(&signed_in, "refresh_token"), "audience": "userd"});
        let refreshed = fetch(address, &json_request("POST", "/api/token/refresh", &request)).await.json();
        for verifier in &mut TokenVerifier::each(&base, "userd") {
            for token in [&token, &text_field(&refreshed, "token")] {
                let verdict = verifier.verify(token);
                assert!(verdict.good, "{} ({alg}): {}", verifier.name, verdict.why);
                assert_eq!(verdict.kid.as_deref(), Some(token_kid(token).as_str()));
                assert_eq!(verdict.claims["iss"], base);
                assert_eq!(verdict.claims["sub"], signed_in["id"]);
                assert_eq!(verdict.claims["sid"], signed_in["session_id"]);
            }
            assert_eq!(verifier.verify(&token).fetches, 1);
        }
        for verifier in &mut TokenVerifier::each(&base, "billing") {
            assert!(!verifier.verify(&token).good, "{}: it is for another audience", verifier.name);
        }
    }
}

/// Tokens made by hand, some with the true key. `tests/it/tokens/forged.rs` shows the same ones to userd.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_libraries_refuse_forged_tokens() {
    for alg in ["ES256", "EdDSA"] {
        let (server, folder) = serve_with_algorithm(alg);
        let (address, base) = (server.address(), format!("http://{}", server.address()));
        let (_, good) = sign_in_for_token(address).await;
        let jwks = fetch(address, &get("/.well-known/jwks.json")).await.json();
        let key = read_signing_key(&folder.path().join("userd-data/userd.db"), alg).await;
        let forged = forge_tokens(alg, &good, &key, &jwks["keys"][0]);
        let (header, claims) = token_parts(&good);
        let by_hand = build_token(&header, &claims, |message| key.sign(message));
        for verifier in &mut TokenVerifier::each(&base, "userd") {
            for (name, token) in &forged {
                let verdict = verifier.verify(token);
                assert!(!verdict.good, "{} accepts {name} ({alg}): {verdict:?}", verifier.name);
            }
            // The control: what they refused was the forgery, and not tokens that are made by hand.
            let verdict = verifier.verify(&by_hand);
            assert!(verdict.good, "{}: {}", verifier.name, verdict.why);
        }
    }
}

/// Rotates so that the next key signs in `lead_ms`: with a clock that is set back, as if the rotation had been a while
/// ago.
async fn rotate_for(store: &Arc<RedisStore>, lead_ms: u64) -> String {
    let ago_ms = propagation_delay_ms(TTL_MS) - lead_ms;
    let clock = ManualClock::at(Timestamp::from_millis(SystemClock.now().as_millis() - ago_ms));
    let dependencies = KeyDependencies {
        store: Arc::clone(store) as _,
        key_encryption: Arc::new(KeyEncryption::new(None)),
        clock: Arc::new(clock),
        random: Arc::new(SystemRandom),
    };
    match SigningKeyService::new(dependencies, SigningAlgorithm::Es256, TTL_MS).rotate().await.expect("it rotates") {
        RotationOutcome::Created(next) => next.kid,
        other @ RotationOutcome::Pending(_) => panic!("{other:?}"),
    }
}

/// Two nodes on one Redis: services fetch keys from the one, and tokens come from the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_libraries_accept_a_rotation_on_redis_and_reject_removed_keys() {
    let server = RedisServer::start();
    let store = RedisStore::start(server.settings(), Arc::new(SystemRandom)).await.expect("the server is good");
    let store = Arc::new(store);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().redis(&server);
    let one = launch.start();
    let base = format!("http://{}", one.address());
    let other = launch.clone().set("token.issuer", &base).start();
    let (signed_in, mut old) = sign_in_for_token(other.address()).await;
    let session = text_field(&signed_in, "token");

    // The previous key signs while the next one is only published. On a machine that takes longer than that to check,
    // the next rotation gets more time.
    let mut lead_ms = 5_000;
    let next = loop {
        let next = rotate_for(&store, lead_ms).await;
        let look = async || published_kids(one.address()).await.contains(&next).then_some(());
        retry_until_some("the next key is published", look).await;
        let token = create_token(other.address(), &session).await;
        if token_kid(&token) != next {
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
    let signs = async || Some(create_token(other.address(), &session).await).filter(|token| token_kid(token) == next);
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
    let alone =
        async || Some(published_kids(one.address()).await).filter(|keys| keys.len() == 1 && !keys.contains(&next));
    let keys = retry_until_some("only the newest key is published", alone).await;
    let signs =
        async || Some(create_token(other.address(), &session).await).filter(|token| keys.contains(&token_kid(token)));
    let newest = retry_until_some("the newest key signs", signs).await;
    for verifier in &mut TokenVerifier::each(&base, "userd") {
        assert!(verifier.verify(&newest).good);
        for token in [&old, &new] {
            assert!(!verifier.verify(token).good, "{} takes the token of a removed key", verifier.name);
        }
    }
}
