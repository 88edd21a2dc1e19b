//! `GET /.well-known/jwks.json`: the public keys by which other services check tokens (RFC 7517).

use rocket::get;
use rocket::http::ContentType;
use serde::Serialize;

use crate::http::answer::Published;
use crate::http::callers::Public;
use crate::http::problem::Problem;
use crate::service::Jwk;

#[derive(Serialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[get("/.well-known/jwks.json")]
pub(super) async fn keys(all: Public<'_>) -> Result<Published, Problem> {
    let keys = all.tokens().published_keys().await?;
    Ok(Published::new(&KeySet { keys }, ContentType::new("application", "jwk-set+json")))
}
