//! `POST /api/token`: issues a token that other services can verify without userd.

use super::views::TokenView;
use crate::api::prelude::*;
use userd_core::PasswordPolicy;

/// The body.
pub(super) struct CreateTokenRequest {
    /// The service that will accept the token.
    audience: Option<String>,
}

impl FromJsonBody for CreateTokenRequest {
    const SCHEMA_NAME: &'static str = "CreateTokenRequest";
    const NAMES: &'static [&'static str] = &["audience"];

    fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
        Some(Self { audience: body.optional_text("audience").ok()? })
    }
}

#[post("/api/token", data = "<body>")]
pub(super) async fn create(
    auth: Authorized<'_, UseSession>,
    body: ValidatedBody<CreateTokenRequest>,
) -> Result<ApiResponse, Problem> {
    let minted = auth.services.tokens.mint(auth.require_session()?, body.0.audience.as_deref()).await?;
    Ok(ApiResponse::json(&TokenView::of(&minted, None)))
}

pub(super) fn doc() -> OperationDoc {
    let token = json!({
        "token": "eyJ0eXAiOiJKV1Qi…",
        "token_type": "Bearer",
        "expires_at": "2026-11-22T14:36:02.000Z",
    });
    OperationDoc::new("create_token", "Create a token for other services")
        .description(
            "A JWT, which other services verify with the public keys. `audience`: one of the configured \
                      audiences; the first one is the default.",
        )
        .body(json!({ "audience": "userd" }))
        .response(ResponseDoc::view::<TokenView>("A token", token))
}
