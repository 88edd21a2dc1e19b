//! `POST /api/login`: sign-in. An unknown e-mail and a wrong password are the same response.

use crate::api::prelude::*;
use userd_core::{Email, PasswordAttempt, PasswordPolicy, RefreshToken, SessionId, Timestamp, UserId};
use userd_service::{SecretString, SignInRequest, SignInSuccess};

/// The body of a sign-in.
pub(super) struct SignInBody {
    sign_in: SignInRequest,
    /// Whether to set the session as a cookie.
    cookie: bool,
}

impl FromJsonBody for SignInBody {
    const SCHEMA_NAME: &'static str = "SignInRequest";
    const NAMES: &'static [&'static str] = &["email", "password", "cookie", "refresh", "device_token"];

    fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
        let email = body.required("email", Email::parse);
        let password = body.required("password", PasswordAttempt::parse);
        let (cookie, refresh) = (body.flag("cookie"), body.flag("refresh"));
        let device = body.optional_text("device_token").ok();
        let device = device?.map(SecretString::new);
        let sign_in = SignInRequest { email: email?, password: password?, refresh: refresh?, device };
        Some(Self { sign_in, cookie: cookie? })
    }
}

/// A new session: the only response with its secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInResponse)]
struct SignInView<'a> {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: DisplayText<&'a UserId>,
    /// The session token, a secret that grants access to the user's account. It is never returned again.
    token: String,
    /// The id of the session. Not a secret.
    #[schema(value_type = String)]
    session_id: DisplayText<&'a SessionId>,
    /// When the session expires, even if it is in use.
    #[schema(value_type = String, format = DateTime)]
    expires_at: DisplayText<Timestamp>,
    /// Marks this device as trusted at the next sign-in, which then has a rate limit of its own. Grants no access.
    device_token: &'a str,
    /// Is exchanged for tokens for other services. Present if `refresh` was true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

impl<'a> SignInView<'a> {
    fn of(success: &'a SignInSuccess) -> Self {
        Self {
            id: DisplayText(&success.user.id),
            token: success.token.expose(),
            session_id: DisplayText(&success.session.id),
            expires_at: DisplayText(success.expires_at),
            device_token: success.device.expose(),
            refresh_token: success.refresh.as_ref().map(RefreshToken::expose),
        }
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
    sign_in.device = sign_in.device.or_else(|| browser.device.map(|text| SecretString::new(text.to_owned())));
    let success = auth.services.sessions.sign_in(&sign_in, &auth.actor()).await?;
    let response = ApiResponse::json(&SignInView::of(&success));
    let Some(cookies) = cookies else { return Ok(response) };
    let response = response.with_cookie(cookies.set_session(&success.token.expose(), success.lifetime_s));
    Ok(response.with_cookie(cookies.set_device(success.device.expose())))
}

pub(super) fn doc() -> OperationDoc {
    let signed_in = json!({
        "id": examples::USER_ID,
        "token": "v1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.mK0vJ5pV2mQw8yT3bXr6cNzA1dEfGhIjKlMnOpQrStU",
        "session_id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "device_token": "d1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.1w5v…",
        "refresh_token": examples::REFRESH_TOKEN,
    });
    OperationDoc::new("sign_in", "Sign in")
        .description(
            "A wrong password and an unknown e-mail return the same 401 after the same amount of work. \
                      `cookie`: also set the session as a cookie, for browsers. `refresh`: also return a refresh \
                      token. `device_token`: the device token of an earlier sign-in from this device.",
        )
        .body(json!({ "email": "ada@example.com", "password": examples::PASSWORD, "refresh": true }))
        .response(ResponseDoc::view::<SignInView>("A session", signed_in).with_header("Set-Cookie"))
        .problems(examples::PASSWORD_PROBLEMS)
        .problems([ProblemKind::CrossSite, ProblemKind::Contended])
}
