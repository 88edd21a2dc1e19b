//! `GET /.well-known/jwks.json`: the public keys by which other services check tokens (RFC 7517).

use rocket::get;
use rocket::http::ContentType;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Published;
use crate::callers::Public;
use crate::openapi::PublicKey;
use crate::problem::Problem;
use userd_service::Jwk;

/// A set of public keys (RFC 7517).
#[derive(Serialize, ToSchema)]
pub(crate) struct KeySet {
    /// The key that signs, the next one, and old ones until their last token has ended.
    #[schema(value_type = Vec<PublicKey>)]
    keys: Vec<Jwk>,
}

#[get("/.well-known/jwks.json")]
pub(super) async fn keys(all: Public<'_>) -> Result<Published<'static>, Problem> {
    let keys = all.tokens().published_keys().await?;
    Ok(Published::new(&KeySet { keys }, ContentType::new("application", "jwk-set+json")))
}
