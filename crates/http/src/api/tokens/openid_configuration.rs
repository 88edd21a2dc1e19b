//! `GET /.well-known/openid-configuration`: issuer, URLs and algorithms, for programs that configure themselves
//! from it. userd is not an `OpenID` provider; it uses the names of `OpenID` Connect Discovery.

use crate::api::prelude::*;

/// Metadata of the token issuer: the applicable part of `OpenID` Connect Discovery 1.0, section 3.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenIdConfiguration)]
struct OpenIdConfigurationView {
    /// The issuer of tokens.
    issuer: String,
    /// The URL of the public keys.
    jwks_uri: String,
    /// The URL where a session gets a token.
    token_endpoint: String,
    /// The signature algorithms of tokens.
    id_token_signing_alg_values_supported: Vec<&'static str>,
    /// The response types.
    #[schema(value_type = Vec<String>)]
    response_types_supported: [&'static str; 1],
    /// The subject types: `sub` is the same for every service.
    #[schema(value_type = Vec<String>)]
    subject_types_supported: [&'static str; 1],
    /// The claims of a token.
    #[schema(value_type = Vec<String>)]
    claims_supported: [&'static str; 7],
}

impl OpenIdConfigurationView {
    fn of(issuer: String, algorithms: Vec<&'static str>) -> Self {
        Self {
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            token_endpoint: format!("{issuer}/api/token"),
            issuer,
            id_token_signing_alg_values_supported: algorithms,
            response_types_supported: ["token"],
            subject_types_supported: ["public"],
            claims_supported: ["iss", "aud", "sub", "sid", "iat", "exp", "jti"],
        }
    }
}

#[get("/.well-known/openid-configuration")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn openid_configuration(auth: Authorized<'_, ReadPublished>) -> CacheableResponse<'static> {
    let tokens = &auth.services.tokens;
    // Both, also the one not in use: a cached copy must not make a service reject the first token after a change.
    let algorithms = tokens.algorithms().iter().map(|one| one.as_str()).collect();
    CacheableResponse::new(&OpenIdConfigurationView::of(tokens.issuer(), algorithms), ContentType::JSON)
}

pub(super) fn doc() -> OperationDoc {
    let example = OpenIdConfigurationView::of("https://accounts.example.org".to_owned(), vec!["ES256", "EdDSA"]);
    let response = ResponseDoc::view::<OpenIdConfigurationView>("The metadata", json!(example));
    OperationDoc::new("get_openid_configuration", "Get the token issuer's metadata")
        .description("For programs that configure themselves from it. userd is not an OpenID provider.")
        .response(response.with_header("Cache-Control"))
}
