//! `POST /api/users`: sign-up.

use crate::api::prelude::*;
use crate::api::views::UserView;
use userd_core::{DisplayName, Email, Password, PasswordPolicy};
use userd_service::SignUpRequest;

impl FromJsonBody for SignUpRequest {
    const SCHEMA_NAME: &'static str = "SignUpRequest";
    const NAMES: &'static [&'static str] = &["name", "email", "password"];

    fn from_json_body(body: &mut JsonBody<'_>, policy: PasswordPolicy) -> Option<Self> {
        let name = body.required("name", DisplayName::parse);
        let email = body.required("email", Email::parse);
        let password = body.required("password", |text| Password::parse(text, policy));
        Some(Self { name: name?, email: email?, password: password? })
    }
}

#[post("/api/users", data = "<body>")]
pub(super) async fn create(
    auth: Authorized<'_, SignUp>,
    body: ValidatedBody<SignUpRequest>,
) -> Result<ApiResponse, Problem> {
    let user = auth.services.users.sign_up(body.0, &auth.actor()).await?;
    Ok(ApiResponse::versioned(user.version, &UserView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("sign_up", "Sign up")
        .description(
            "All three fields are required. With `access.sign_up = \"api_key\"`, only services can sign \
                      users up.",
        )
        .body(json!({ "name": "Ada Lovelace", "email": "Ada@Example.com", "password": examples::PASSWORD }))
        .response(ResponseDoc::view::<UserView>("The user", examples::user()).with_header("ETag"))
        .problems([ProblemKind::EmailTaken, ProblemKind::Busy, ProblemKind::Contended])
}
