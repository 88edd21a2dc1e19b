//! `POST /api/token/refresh`: exchanges a refresh token for a token for other services and the next refresh token.

use std::convert::Infallible;

use super::views::TokenView;
use crate::api::prelude::*;
use userd_core::{PasswordPolicy, RefreshToken};
use userd_service::Error;

/// The body.
pub(super) struct RefreshTokenRequest {
    /// `None`: a text that is not a refresh token. It is rejected like one that was never issued.
    token: Option<RefreshToken>,
    audience: Option<String>,
}

impl FromJsonBody for RefreshTokenRequest {
    const SCHEMA_NAME: &'static str = "RefreshTokenRequest";
    const NAMES: &'static [&'static str] = &["refresh_token", "audience"];

    fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
        let token = body.required("refresh_token", |text| Ok::<_, Infallible>(RefreshToken::parse(text)));
        let audience = body.optional_text("audience");
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
    let (minted, next) = auth.services.tokens.refresh(&token, audience.as_deref(), &auth.actor()).await?;
    Ok(ApiResponse::json(&TokenView::of(&minted, Some(&next))))
}

pub(super) fn doc() -> OperationDoc {
    let refreshed = json!({
        "token": "eyJ0eXAiOiJKV1Qi…",
        "token_type": "Bearer",
        "expires_at": "2026-11-22T14:36:02.000Z",
        "refresh_token": examples::REFRESH_TOKEN,
    });
    OperationDoc::new("refresh_token", "Exchange a refresh token")
        .description(
            "Returns a token for other services and the next refresh token, which replaces the old one. A \
                      reuse of the old one after more than 10 s revokes the session.",
        )
        .body(json!({ "refresh_token": examples::REFRESH_TOKEN }))
        .response(ResponseDoc::view::<TokenView>("A token and the next refresh token", refreshed))
        .problems([ProblemKind::InvalidRefreshToken])
}
