//! userd refuses forged tokens. That independent libraries refuse the same ones is in `tests/deploy-checks/tokens.rs`.

use userd_test_support::forged_tokens::{forge_tokens, read_signing_key};
use userd_test_support::http_client::{fetch, get};
use userd_test_support::program_tokens::{serve_with_algorithm, sign_in_for_token};
use userd_test_support::sign_in_requests::{current_session, with_bearer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn userd_refuses_forged_tokens_and_tokens_for_other_services() {
    for alg in ["ES256", "EdDSA"] {
        let (server, folder) = serve_with_algorithm(alg);
        let address = server.address();
        let (_, good) = sign_in_for_token(address).await;
        let jwks = fetch(address, &get("/.well-known/jwks.json")).await.json();
        let key = read_signing_key(&folder.path().join("userd-data/userd.db"), alg).await;
        let forged = forge_tokens(alg, &good, &key, &jwks["keys"][0]);
        for (name, token) in forged.iter().map(|(name, token)| (name.as_str(), token)).chain([("good", &good)]) {
            let response = current_session(address, token).await;
            assert!(
                response.is_problem(401, "authentication-required"),
                "userd accepts {name} ({alg}): {}",
                response.text()
            );
            let users = fetch(address, &with_bearer(token, get("/api/users"))).await;
            assert_eq!(users.status, 401, "{name}: an invalid credential never falls back to anonymous access");
        }
    }
}
