//! `DELETE /admin/users/<id>/sessions`: revokes all sessions of a user.

use crate::api::prelude::*;

#[delete("/admin/users/<_>/sessions")]
pub(super) async fn revoke_all(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref;
    let revoked = admin.services.admin.revoke_sessions(user_ref.id()?, &admin.actor()).await;
    revoked.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Sessions ended"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("revoke_account_sessions", "Revoke all sessions of a user")
        .description("The sessions are revoked immediately on all nodes.")
        .response(ResponseDoc::constant("Done", "Sessions ended"))
        .problems([ProblemKind::UserNotFound])
}
