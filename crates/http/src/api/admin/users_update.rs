//! `PATCH /admin/users/<id>`: changes the account's status: disabled or not, password expired or not.

use super::views::AccountView;
use crate::api::prelude::*;
use userd_core::PasswordPolicy;
use userd_service::UpdateStatusRequest;

impl FromJsonBody for UpdateStatusRequest {
    const SCHEMA_NAME: &'static str = "UpdateStatusRequest";
    const NAMES: &'static [&'static str] = &["disabled", "password_expired"];
    const ANY_REQUIRED: bool = true;

    fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
        let disabled = body.optional_flag("disabled");
        let password_expired = body.optional_flag("password_expired");
        let status = Self { disabled: disabled.ok()?, password_expired: password_expired.ok()? };
        if status == Self::default() {
            // A body without a change is most likely a bug of the client.
            body.reject("disabled", "or password_expired must be given, or both");
        }
        Some(status)
    }
}

#[patch("/admin/users/<_>", data = "<body>")]
pub(super) async fn update(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    if_match: IfMatch,
    body: ValidatedBody<UpdateStatusRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref;
    let user = admin.services.admin.update_status(user_ref.id()?, body.0, &if_match.0, &admin.actor()).await;
    let user = user.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::versioned(user.version, &AccountView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    let mut disabled = examples::account();
    disabled["disabled"] = json!(true);
    OperationDoc::new("update_account", "Update the status of an account")
        .description(
            "Disables or enables the account, expires the password, or both. Revokes all sessions of the \
                      user atomically, except when it only enables the account.",
        )
        .body(json!({ "disabled": true }))
        .response(ResponseDoc::view::<AccountView>("The user", disabled).with_header("ETag"))
        .problems([ProblemKind::UserNotFound, ProblemKind::Contended])
}
