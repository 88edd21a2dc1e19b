//! `POST /api/login`: somebody signs in. An unknown e-mail and a wrong password are one answer.

use std::convert::Infallible;

use rocket::post;

use crate::auth::{Authorized, BrowserCookies, SignIn};
use crate::body::ValidatedBody;
use crate::json_body::{FromJsonBody, JsonBody};
use crate::problem::Problem;
use crate::response::ApiResponse;
use crate::view::SignInView;
use userd_core::{Email, PasswordAttempt, PasswordPolicy};
use userd_service::{SecretString, SignInRequest};

/// What a sign-in says.
pub(crate) struct SignInBody {
    sign_in: SignInRequest,
    /// Whether a browser is to keep the session.
    cookie: bool,
}

impl FromJsonBody for SignInBody {
    const SCHEMA_NAME: &'static str = "SignInRequest";
    const NAMES: &'static [&'static str] = &["email", "password", "cookie", "refresh", "device_token"];

    fn from_json_body(fields: &mut JsonBody, _: PasswordPolicy) -> Option<Self> {
        let email = fields.required("email", Email::parse);
        let password = fields.required("password", PasswordAttempt::parse);
        let (cookie, refresh) = (fields.flag("cookie"), fields.flag("refresh"));
        let device = fields.optional("device_token", |text| Ok::<_, Infallible>(text.to_owned()));
        let sign_in = SignInRequest {
            email: email?,
            password: password?,
            refresh: refresh?,
            device: device.ok()?.map(SecretString::new),
        };
        Some(Self { sign_in, cookie: cookie? })
    }
}

#[post("/api/login", data = "<body>")]
pub(super) async fn sign_in(
    auth: Authorized<'_, SignIn>,
    browser: BrowserCookies<'_>,
    body: ValidatedBody<SignInBody>,
) -> Result<ApiResponse, Problem> {
    let SignInBody { mut sign_in, cookie } = body.0;
    let cookies = if cookie { Some(browser.same_site()?) } else { None };
    sign_in.device = sign_in.device.or_else(|| browser.device().map(|text| SecretString::new(text.to_owned())));
    let done = auth.sessions().sign_in(&sign_in, &auth.actor()).await?;
    let response = ApiResponse::json(&SignInView::of(&done));
    let Some(cookies) = cookies else { return Ok(response) };
    let life_s = auth.sessions().settings().limits.absolute_ms / 1000;
    let response = response.with_cookie(cookies.set_session(&done.token.expose(), life_s));
    Ok(response.with_cookie(cookies.set_device(done.device.expose())))
}
