//! `POST /api/token/refresh`: a refresh token is exchanged for a token for other services and its own successor.

use std::convert::Infallible;

use rocket::post;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::Anyone;
use crate::fields::{Fields, FromFields};
use crate::problem::Problem;
use crate::view::TokenView;
use userd_core::{PasswordPolicy, RefreshToken};
use userd_service::Error;

/// What is shown, and what is asked for.
pub(crate) struct TokenExchange {
    /// `None`: a text that is no refresh token, which is worth as little as one that was never given out.
    token: Option<RefreshToken>,
    audience: Option<String>,
}

impl FromFields for TokenExchange {
    const NAMES: &'static [&'static str] = &["refresh_token", "audience"];

    fn from_fields(fields: &mut Fields, _: PasswordPolicy) -> Option<Self> {
        let token = fields.read("refresh_token", |text| Ok::<_, Infallible>(RefreshToken::parse(text)));
        let audience = fields.read_if_there("audience", |text| Ok::<_, Infallible>(text.to_owned()));
        Some(Self { token: token?, audience: audience.ok()? })
    }
}

#[post("/api/token/refresh", data = "<body>")]
pub(super) async fn refresh(who: Anyone<'_>, body: Body<TokenExchange>) -> Result<Answer, Problem> {
    let TokenExchange { token, audience } = body.0;
    let token = token.ok_or(Error::RefreshRefused("it is no refresh token"))?;
    let (minted, next) = who.tokens().refresh(&token, audience.as_deref(), &who.client()).await?;
    Ok(Answer::json(&TokenView::of(&minted, Some(&next))))
}
