//! What is told of the endpoints of tokens for other services.

use rocket::http::Method::{Get, Post};
use serde_json::json;

use super::{OperationDoc, ResponseDoc};
use crate::api::{JwkSetView, OpenIdConfigurationView};
use crate::problem::ProblemKind::InvalidRefreshToken;
use crate::view::TokenView;

pub(super) fn docs() -> Vec<OperationDoc> {
    [issuance(), verification()].into_iter().flatten().collect()
}

fn issuance() -> Vec<OperationDoc> {
    let token = json!({
        "token": "eyJ0eXAiOiJKV1Qi…",
        "token_type": "Bearer",
        "expires_at": "2026-11-22T14:36:02.000Z",
    });
    let mut refreshed = token.clone();
    refreshed["refresh_token"] = json!("r1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.q0Yd…");
    vec![
        OperationDoc {
            route: (Post, "/api/token"),
            operation_id: "create_token",
            tag: "tokens",
            summary: "A token for other services",
            description: "A JWT that other services check by themselves. `audience`: for whom it is to be, one of those that \
                   the operator has set; the first of them is the usual one.",
            body: Some(json!({ "audience": "userd" })),
            responses: vec![ResponseDoc::view::<TokenView>("A token", token)],
            problems: Vec::new(),
        },
        OperationDoc {
            route: (Post, "/api/token/refresh"),
            operation_id: "refresh_token",
            tag: "tokens",
            summary: "A token for a refresh token",
            description: "The answer has the next refresh token, which takes the place of the old one. One that is shown again \
                   after more than 10 s ends the session.",
            body: Some(json!({ "refresh_token": "r1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.q0Yd…" })),
            responses: vec![ResponseDoc::view::<TokenView>("A token and the next refresh token", refreshed)],
            problems: vec![InvalidRefreshToken],
        },
    ]
}

fn verification() -> Vec<OperationDoc> {
    let keys = json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "use": "sig",
        "alg": "ES256",
        "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
    }] });
    let discovery = json!({
        "issuer": "https://accounts.example.org",
        "jwks_uri": "https://accounts.example.org/.well-known/jwks.json",
        "token_endpoint": "https://accounts.example.org/api/token",
        "id_token_signing_alg_values_supported": ["ES256", "EdDSA"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "claims_supported": ["iss", "aud", "sub", "sid", "iat", "exp", "jti"],
    });
    vec![
        OperationDoc {
            route: (Get, "/.well-known/jwks.json"),
            operation_id: "get_jwks",
            tag: "tokens",
            summary: "The public keys",
            description: "By which other services check tokens. Keep them for the 300 s that `Cache-Control` says.",
            body: None,
            responses: vec![
                ResponseDoc::view::<JwkSetView>("The keys", keys)
                    .with_media_type("application/jwk-set+json")
                    .with_header("Cache-Control"),
            ],
            problems: Vec::new(),
        },
        OperationDoc {
            route: (Get, "/.well-known/openid-configuration"),
            operation_id: "get_openid_configuration",
            tag: "tokens",
            summary: "Where the keys are",
            description: "For programs that set themselves up by it; userd is no OpenID provider.",
            body: None,
            responses: vec![
                ResponseDoc::view::<OpenIdConfigurationView>("Issuer and addresses", discovery)
                    .with_header("Cache-Control"),
            ],
            problems: Vec::new(),
        },
    ]
}
