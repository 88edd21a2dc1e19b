//! `GET /.well-known/jwks.json`: the public keys by which other services check tokens (RFC 7517).

use rocket::get;
use rocket::http::ContentType;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Authorized, ReadPublished};
use crate::openapi::JwkSchema;
use crate::problem::Problem;
use crate::response::CacheableResponse;
use userd_service::Jwk;

/// A set of public keys (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(as = JwkSet)]
pub(crate) struct JwkSetView {
    /// The key that signs, the next one, and old ones until their last token has ended.
    #[schema(value_type = Vec<JwkSchema>)]
    keys: Vec<Jwk>,
}

#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(auth: Authorized<'_, ReadPublished>) -> Result<CacheableResponse<'static>, Problem> {
    let keys = auth.tokens().published_keys().await?;
    Ok(CacheableResponse::new(&JwkSetView { keys }, ContentType::new("application", "jwk-set+json")))
}
