//! The view of an issued token.

use crate::api::prelude::*;
use userd_core::{RefreshToken, Timestamp};
use userd_service::MintedToken;

/// A token for other services, and after a refresh the next refresh token.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenResponse)]
pub(super) struct TokenView<'a> {
    /// The token, a JWT.
    token: &'a str,
    /// Always `Bearer`.
    token_type: &'static str,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    expires_at: DisplayText<Timestamp>,
    /// Replaces the refresh token that was sent. Present after a refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

impl<'a> TokenView<'a> {
    /// The view of a token, and of the refresh token that comes with it.
    pub(super) fn of(minted: &'a MintedToken, refresh: Option<&RefreshToken>) -> Self {
        Self {
            token: minted.token.expose(),
            token_type: "Bearer",
            expires_at: DisplayText(minted.expires_at),
            refresh_token: refresh.map(RefreshToken::expose),
        }
    }
}
