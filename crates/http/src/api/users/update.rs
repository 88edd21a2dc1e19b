//! `PUT /api/users/<id>`: changes name and e-mail. Requires the password.

use crate::api::prelude::*;
use crate::api::views::UserView;
use userd_core::{DisplayName, Email, PasswordAttempt, PasswordPolicy};
use userd_service::UpdateUserRequest;
use userd_store::UserProfile;

impl FromJsonBody for UpdateUserRequest {
    const SCHEMA_NAME: &'static str = "UpdateUserRequest";
    const NAMES: &'static [&'static str] = &["name", "email", "password"];

    fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
        let name = body.required("name", DisplayName::parse);
        let email = body.required("email", Email::parse);
        let password = body.required("password", PasswordAttempt::parse);
        Some(Self { profile: UserProfile { name: name?, email: email? }, password: password? })
    }
}

#[put("/api/users/<_>", data = "<body>")]
pub(super) async fn update(
    auth: Authorized<'_, WriteUser>,
    if_match: IfMatch,
    body: ValidatedBody<UpdateUserRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref;
    let user = auth.services.users.update_profile(user_ref.id()?, &body.0, &if_match.0, &auth.actor()).await;
    let user = user.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::versioned(user.version, &UserView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("update_user", "Update name and e-mail")
        .description("Requires the current password, which does not change. The user's own e-mail is not a conflict.")
        .body(json!({ "name": "Ada King", "email": "Ada@Example.com", "password": examples::PASSWORD }))
        .response(ResponseDoc::view::<UserView>("The user", examples::renamed_user()).with_header("ETag"))
        .problems(examples::PASSWORD_PROBLEMS)
        .problems([ProblemKind::UserNotFound, ProblemKind::EmailTaken, ProblemKind::Contended])
}
