//! `POST /api/token`: who is signed in gets a token that other services can check by themselves.

use std::convert::Infallible;

use rocket::post;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::SignedIn;
use crate::fields::{Fields, FromFields};
use crate::problem::Problem;
use crate::view::TokenView;
use userd_core::PasswordPolicy;

/// What is asked for.
pub(crate) struct TokenWanted {
    /// For whom the token is to be.
    audience: Option<String>,
}

impl FromFields for TokenWanted {
    const NAMES: &'static [&'static str] = &["audience"];

    fn from_fields(fields: &mut Fields, _: PasswordPolicy) -> Option<Self> {
        let audience = fields.read_if_there("audience", |text| Ok::<_, Infallible>(text.to_owned()));
        Some(Self { audience: audience.ok()? })
    }
}

#[post("/api/token", data = "<body>")]
pub(super) async fn create(who: SignedIn<'_>, body: Body<TokenWanted>) -> Result<Answer, Problem> {
    let minted = who.token(body.0.audience.as_deref()).await?;
    Ok(Answer::json(&TokenView::of(&minted, None)))
}
