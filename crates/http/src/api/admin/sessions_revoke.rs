//! `DELETE /admin/users/<id>/sessions/<session id>`: revokes one session of a user.

use crate::api::prelude::*;

#[delete("/admin/users/<_>/sessions/<_>")]
pub(super) async fn revoke(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref;
    let revoked = admin.services.sessions.revoke(user_ref.id()?, admin.session_in_path()?, &admin.actor()).await;
    revoked.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Session ended"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("revoke_account_session", "Revoke a session of a user")
        .description("The session is revoked immediately on all nodes.")
        .response(ResponseDoc::constant("Done", "Session ended"))
        .problems([ProblemKind::UserNotFound, ProblemKind::SessionNotFound])
}
