//! Tokens for other services, as a client of the real program gets and reads them.
//!
//! Not for the service's own types: tests of those are in `tests/it/tokens`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http_client::{fetch, get, json_request};
use super::sign_in_requests::{sign_in, sign_up_user, text_field, with_bearer};
use super::userd_process::{UserdCommand, UserdProcess};

const EMAIL: &str = "ada@example.org";

/// A server on a SQLite file of its own that signs with `alg`, for the audiences `userd` and `billing`.
#[must_use]
pub fn serve_with_algorithm(alg: &str) -> (UserdProcess, TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let command = UserdCommand::in_folder(folder.path()).cheap_hashes().set("token.audience", "userd,billing");
    (command.set("token.algorithm", alg).start(), folder)
}

/// Signs a user up and in: the sign-in response, and a token for other services.
pub async fn sign_in_for_token(address: SocketAddr) -> (Value, String) {
    sign_up_user(address, EMAIL).await;
    let signed_in = sign_in(address, EMAIL).await;
    let token = create_token(address, &text_field(&signed_in, "token")).await;
    (signed_in, token)
}

/// A token for other services, for this session.
pub async fn create_token(address: SocketAddr, session: &str) -> String {
    let response = fetch(address, &with_bearer(session, json_request("POST", "/api/token", &json!({})))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    text_field(&response.json(), "token")
}

/// The header and the claims of a token, unverified.
#[must_use]
pub fn token_parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| BASE64URL.decode(part).expect("base64url"));
    let mut next = || serde_json::from_slice(&parts.next().expect("a part")).expect("JSON");
    (next(), next())
}

/// The id of the key that signed a token.
#[must_use]
pub fn token_kid(token: &str) -> String {
    text_field(&token_parts(token).0, "kid")
}

/// The ids of the keys that the server publishes.
pub async fn published_kids(address: SocketAddr) -> BTreeSet<String> {
    let jwks = fetch(address, &get("/.well-known/jwks.json")).await.json();
    jwks["keys"].as_array().expect("keys").iter().map(|key| text_field(key, "kid")).collect()
}
