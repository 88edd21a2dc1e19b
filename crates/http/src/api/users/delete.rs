//! `DELETE /api/users/<id>`: deletes a user. Requires the password.

use crate::api::prelude::*;
use crate::api::views::UserView;
use userd_core::{PasswordAttempt, PasswordPolicy};
use userd_service::DeleteUserRequest;

impl FromJsonBody for DeleteUserRequest {
    const SCHEMA_NAME: &'static str = "DeleteUserRequest";
    const NAMES: &'static [&'static str] = &["password"];

    fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
        Some(Self { password: body.required("password", PasswordAttempt::parse)? })
    }
}

#[delete("/api/users/<_>", data = "<body>")]
pub(super) async fn delete(
    auth: Authorized<'_, WriteUser>,
    if_match: IfMatch,
    body: ValidatedBody<DeleteUserRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref;
    let deleted = auth.services.users.delete(user_ref.id()?, &body.0, &if_match.0, &auth.actor()).await;
    Ok(ApiResponse::json(&UserView::of(&deleted.map_err(|error| user_ref.problem(error))?)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("delete_user", "Delete a user")
        .description("Requires the current password. All sessions are revoked, and the e-mail can be used again.")
        .body(json!({ "password": examples::NEXT_PASSWORD }))
        .response(ResponseDoc::view::<UserView>("The deleted user", examples::renamed_user()))
        .problems(examples::PASSWORD_PROBLEMS)
        .problems([ProblemKind::UserNotFound, ProblemKind::Contended])
}
