//! `GET /.well-known/openid-configuration`: where the keys are and how tokens are made, for programs that set themselves
//! up by it. userd is no `OpenID` provider: the names are those that such programs know.

use rocket::get;
use rocket::http::ContentType;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Authorized, ReadPublished};
use crate::response::CacheableResponse;

/// What `OpenID` Connect Discovery 1.0 (section 3) asks for, as far as userd has it.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenIdConfiguration)]
pub(crate) struct OpenIdConfigurationView {
    /// Who makes tokens.
    issuer: String,
    /// Where the public keys are.
    jwks_uri: String,
    /// Where a session gets a token.
    token_endpoint: String,
    /// How tokens may be signed.
    id_token_signing_alg_values_supported: Vec<&'static str>,
    /// What is given out.
    #[schema(value_type = Vec<String>)]
    response_types_supported: [&'static str; 1],
    /// How `sub` names a user: the same for every service.
    #[schema(value_type = Vec<String>)]
    subject_types_supported: [&'static str; 1],
    /// What a token says.
    #[schema(value_type = Vec<String>)]
    claims_supported: [&'static str; 7],
}

#[get("/.well-known/openid-configuration")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn openid_configuration(auth: Authorized<'_, ReadPublished>) -> CacheableResponse<'static> {
    let issuer = auth.tokens().issuer();
    let discovery = OpenIdConfigurationView {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        token_endpoint: format!("{issuer}/api/token"),
        issuer,
        // Also the one that is not in use: who keeps this page must not refuse the first token of another algorithm.
        id_token_signing_alg_values_supported: auth.tokens().algorithms().iter().map(|one| one.as_str()).collect(),
        response_types_supported: ["token"],
        subject_types_supported: ["public"],
        claims_supported: ["iss", "aud", "sub", "sid", "iat", "exp", "jti"],
    };
    CacheableResponse::new(&discovery, ContentType::JSON)
}
