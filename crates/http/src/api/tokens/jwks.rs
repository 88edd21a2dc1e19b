//! `GET /.well-known/jwks.json`: the public keys by which other services verify tokens (RFC 7517).

use crate::api::prelude::*;
use userd_service::Jwk;

/// A set of public keys (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(as = JwkSet)]
struct JwkSetView {
    /// The signing key, the next one, and old ones until their last token has expired.
    #[schema(value_type = Vec<JwkSchema>)]
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517).
#[derive(ToSchema)]
#[schema(as = Jwk)]
#[expect(dead_code, reason = "only its schema is used: `Jwk` belongs to the service layer, which has no schemas")]
struct JwkSchema {
    /// `EC` or `OKP`.
    kty: String,
    /// `P-256` or `Ed25519`.
    crv: String,
    /// The public key, or the x coordinate of an `EC` key (base64url).
    x: String,
    /// The y coordinate of an `EC` key (base64url).
    #[schema(nullable = false)]
    y: Option<String>,
    /// Always `sig`.
    r#use: String,
    /// `ES256` or `EdDSA`.
    alg: String,
    /// The id of the key: its thumbprint (RFC 7638).
    kid: String,
}

#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(auth: Authorized<'_, ReadPublished>) -> Result<CacheableResponse<'static>, Problem> {
    let keys = auth.services.tokens.published_keys().await?;
    Ok(CacheableResponse::new(&JwkSetView { keys }, ContentType::new("application", "jwk-set+json")))
}

pub(super) fn doc() -> OperationDoc {
    let keys = json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "use": "sig",
        "alg": "ES256",
        "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
    }] });
    OperationDoc::new("get_jwks", "Get the public keys")
        .description(
            "The keys by which other services verify tokens (JWKS). Cache them for the 300 s of \
                      `Cache-Control`.",
        )
        .response(
            ResponseDoc::view::<JwkSetView>("The keys", keys)
                .with_media_type("application/jwk-set+json")
                .with_header("Cache-Control"),
        )
}
