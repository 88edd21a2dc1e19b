//! `PATCH /api/users/<id>`: changes the password. Requires the current one and revokes all other sessions of the user.

use crate::api::prelude::*;
use userd_core::{Password, PasswordAttempt, PasswordPolicy};
use userd_service::ChangePasswordRequest;

impl FromJsonBody for ChangePasswordRequest {
    const SCHEMA_NAME: &'static str = "ChangePasswordRequest";
    const NAMES: &'static [&'static str] = &["password", "new_password"];
    const MISSING_DETAIL: Option<&'static str> = Some("Password not provided");

    fn from_json_body(body: &mut JsonBody<'_>, policy: PasswordPolicy) -> Option<Self> {
        let password = body.required("password", PasswordAttempt::parse);
        let new_password = body.required("new_password", |text| Password::parse(text, policy));
        Some(Self { password: password?, new_password: new_password? })
    }
}

#[patch("/api/users/<_>", data = "<body>")]
pub(super) async fn change_password(
    auth: Authorized<'_, WriteUser>,
    if_match: IfMatch,
    body: ValidatedBody<ChangePasswordRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref;
    let changed = auth.services.users.change_password(user_ref.id()?, &body.0, &if_match.0, &auth.actor()).await;
    changed.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Password updated"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("change_password", "Change the password")
        .description(
            "Requires the current password, even if it has expired. Revokes all sessions of the user except \
                      the current one, atomically.",
        )
        .body(json!({ "password": examples::PASSWORD, "new_password": examples::NEXT_PASSWORD }))
        .response(ResponseDoc::constant("Done", "Password updated"))
        .problems(examples::PASSWORD_PROBLEMS)
        .problems([ProblemKind::UserNotFound, ProblemKind::InvalidFields, ProblemKind::Contended])
}
