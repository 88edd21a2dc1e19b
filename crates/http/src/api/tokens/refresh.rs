//! `POST /api/token/refresh`: a refresh token is exchanged for a token for other services and its own successor.

use std::convert::Infallible;

use rocket::post;

use crate::auth::{Authorized, SignIn};
use crate::body::ValidatedBody;
use crate::json_body::{FromJsonBody, JsonBody};
use crate::problem::Problem;
use crate::response::ApiResponse;
use crate::view::TokenView;
use userd_core::{PasswordPolicy, RefreshToken};
use userd_service::Error;

/// What is shown, and what is asked for.
pub(crate) struct RefreshTokenRequest {
    /// `None`: a text that is no refresh token, which is worth as little as one that was never given out.
    token: Option<RefreshToken>,
    audience: Option<String>,
}

impl FromJsonBody for RefreshTokenRequest {
    const SCHEMA_NAME: &'static str = "RefreshTokenRequest";
    const NAMES: &'static [&'static str] = &["refresh_token", "audience"];

    fn from_json_body(fields: &mut JsonBody, _: PasswordPolicy) -> Option<Self> {
        let token = fields.required("refresh_token", |text| Ok::<_, Infallible>(RefreshToken::parse(text)));
        let audience = fields.optional("audience", |text| Ok::<_, Infallible>(text.to_owned()));
        Some(Self { token: token?, audience: audience.ok()? })
    }
}

#[post("/api/token/refresh", data = "<body>")]
pub(super) async fn refresh(
    auth: Authorized<'_, SignIn>,
    body: ValidatedBody<RefreshTokenRequest>,
) -> Result<ApiResponse, Problem> {
    let RefreshTokenRequest { token, audience } = body.0;
    let token = token.ok_or(Error::RefreshRejected("it is no refresh token"))?;
    let (minted, next) = auth.tokens().refresh(&token, audience.as_deref(), &auth.actor()).await?;
    Ok(ApiResponse::json(&TokenView::of(&minted, Some(&next))))
}
