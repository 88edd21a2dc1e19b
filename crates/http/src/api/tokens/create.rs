//! `POST /api/token`: who is signed in gets a token that other services can check by themselves.

use std::convert::Infallible;

use rocket::post;

use crate::auth::{Authorized, UseSession};
use crate::body::ValidatedBody;
use crate::json_body::{FromJsonBody, JsonBody};
use crate::problem::Problem;
use crate::response::ApiResponse;
use crate::view::TokenView;
use userd_core::PasswordPolicy;

/// What is asked for.
pub(crate) struct CreateTokenRequest {
    /// For whom the token is to be.
    audience: Option<String>,
}

impl FromJsonBody for CreateTokenRequest {
    const SCHEMA_NAME: &'static str = "CreateTokenRequest";
    const NAMES: &'static [&'static str] = &["audience"];

    fn from_json_body(fields: &mut JsonBody, _: PasswordPolicy) -> Option<Self> {
        let audience = fields.optional("audience", |text| Ok::<_, Infallible>(text.to_owned()));
        Some(Self { audience: audience.ok()? })
    }
}

#[post("/api/token", data = "<body>")]
pub(super) async fn create(
    auth: Authorized<'_, UseSession>,
    body: ValidatedBody<CreateTokenRequest>,
) -> Result<ApiResponse, Problem> {
    let minted = auth.tokens().mint(auth.require_session()?, body.0.audience.as_deref()).await?;
    Ok(ApiResponse::json(&TokenView::of(&minted, None)))
}
