//! What is said of a public key: its type belongs to the service layer, which knows nothing of descriptions.

use utoipa::ToSchema;

/// A public key (RFC 7517).
#[derive(ToSchema)]
#[schema(as = Jwk)]
#[expect(dead_code, reason = "only its schema is used; `service::Jwk` is what is sent")]
pub(crate) struct JwkSchema {
    /// `EC` or `OKP`.
    kty: String,
    /// `P-256` or `Ed25519`.
    crv: String,
    /// The point, or its first coordinate (base64url).
    x: String,
    /// The second coordinate of an `EC` point (base64url).
    #[schema(nullable = false)]
    y: Option<String>,
    /// Always `sig`.
    r#use: String,
    /// `ES256` or `EdDSA`.
    alg: String,
    /// Names the key: its thumbprint (RFC 7638).
    kid: String,
}
