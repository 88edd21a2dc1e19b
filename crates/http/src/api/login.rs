//! `POST /api/login`: somebody signs in. An unknown e-mail and a wrong password are one answer.

use std::convert::Infallible;

use rocket::post;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::Anyone;
use crate::fields::{Fields, FromFields};
use crate::problem::Problem;
use crate::view::SignedInNowView;
use userd_core::{Email, PasswordAttempt, PasswordPolicy};
use userd_service::{Secret, SignIn};

/// What a sign-in says.
pub(crate) struct Login {
    sign_in: SignIn,
    /// Whether a browser is to keep the session.
    cookie: bool,
}

impl FromFields for Login {
    const NAMES: &'static [&'static str] = &["email", "password", "cookie", "refresh", "device_token"];

    fn from_fields(fields: &mut Fields, _: PasswordPolicy) -> Option<Self> {
        let email = fields.read("email", Email::parse);
        let password = fields.read("password", PasswordAttempt::parse);
        let (cookie, refresh) = (fields.flag("cookie"), fields.flag("refresh"));
        let device = fields.read_if_there("device_token", |text| Ok::<_, Infallible>(text.to_owned()));
        let sign_in =
            SignIn { email: email?, password: password?, refresh: refresh?, device: device.ok()?.map(Secret::new) };
        Some(Self { sign_in, cookie: cookie? })
    }
}

#[post("/api/login", data = "<body>")]
pub(super) async fn login(who: Anyone<'_>, body: Body<Login>) -> Result<Answer, Problem> {
    let Login { mut sign_in, cookie } = body.0;
    let cookies = if cookie { Some(who.cookies()?) } else { None };
    sign_in.device = sign_in.device.or_else(|| who.device().map(|text| Secret::new(text.to_owned())));
    let done = who.sessions().sign_in(&sign_in, &who.client()).await?;
    let answer = Answer::json(&SignedInNowView::of(&done));
    let Some(cookies) = cookies else { return Ok(answer) };
    let life_s = who.sessions().settings().limits.absolute_ms / 1000;
    let answer = answer.with_cookie(cookies.keep_session(&done.token.expose(), life_s));
    Ok(answer.with_cookie(cookies.keep_device(done.device.expose())))
}
