//! `PUT /admin/users/<id>/password`: sets a user's password and revokes all their sessions.

use super::views::AccountView;
use crate::api::prelude::*;
use userd_core::{Password, PasswordPolicy};
use userd_service::SetPasswordRequest;

impl FromJsonBody for SetPasswordRequest {
    const SCHEMA_NAME: &'static str = "SetPasswordRequest";
    const NAMES: &'static [&'static str] = &["new_password", "password_expired"];

    fn from_json_body(body: &mut JsonBody<'_>, policy: PasswordPolicy) -> Option<Self> {
        let new_password = body.required("new_password", |text| Password::parse(text, policy));
        let password_expired = body.flag("password_expired");
        Some(Self { new_password: new_password?, password_expired: password_expired? })
    }
}

#[put("/admin/users/<_>/password", data = "<body>")]
pub(super) async fn set_password(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    if_match: IfMatch,
    body: ValidatedBody<SetPasswordRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref;
    let user = admin.services.admin.set_password(user_ref.id()?, body.0, &if_match.0, &admin.actor()).await;
    let user = user.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::versioned(user.version, &AccountView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("set_account_password", "Set the password of a user")
        .description("Revokes all sessions of the user atomically.")
        .body(json!({ "new_password": examples::NEXT_PASSWORD }))
        .response(ResponseDoc::view::<AccountView>("The user", examples::account()).with_header("ETag"))
        .problems([ProblemKind::UserNotFound, ProblemKind::Busy, ProblemKind::Contended])
}
