//! `POST /admin/users`: creates a user, optionally with an expired password.

use super::views::AccountView;
use crate::api::prelude::*;
use userd_core::PasswordPolicy;
use userd_service::{CreateAccountRequest, SignUpRequest};

impl FromJsonBody for CreateAccountRequest {
    const SCHEMA_NAME: &'static str = "CreateAccountRequest";
    const NAMES: &'static [&'static str] = &["name", "email", "password", "password_expired"];

    fn from_json_body(body: &mut JsonBody<'_>, policy: PasswordPolicy) -> Option<Self> {
        let sign_up = SignUpRequest::from_json_body(body, policy);
        let password_expired = body.flag("password_expired");
        Some(Self { sign_up: sign_up?, password_expired: password_expired? })
    }
}

#[post("/admin/users", data = "<body>")]
pub(super) async fn create(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    body: ValidatedBody<CreateAccountRequest>,
) -> Result<ApiResponse, Problem> {
    let user = admin.services.admin.create(body.0, &admin.actor()).await?;
    Ok(ApiResponse::versioned(user.version, &AccountView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    let mut account = examples::account();
    account["name"] = json!("Grace Hopper");
    account["email"] = json!("grace@example.com");
    account["password_expired"] = json!(true);
    OperationDoc::new("create_account", "Create a user")
        .description("With `password_expired` the user must change the password at the first sign-in.")
        .body(json!({
            "name": "Grace Hopper",
            "email": "grace@example.com",
            "password": examples::PASSWORD,
            "password_expired": true,
        }))
        .response(ResponseDoc::view::<AccountView>("The user", account).with_header("ETag"))
        .problems([ProblemKind::EmailTaken, ProblemKind::Busy, ProblemKind::Contended])
}
