//! `DELETE /admin/users/<id>/sessions/<session id>`: revokes one session of a user.

use crate::api::prelude::*;

#[delete("/admin/users/<_>/sessions/<_>")]
pub(super) async fn revoke(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let revoked = admin.sessions().revoke(user_ref.id()?, admin.session_in_path()?, &admin.actor()).await;
    revoked.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Session ended"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc {
        operation_id: "revoke_account_session",
        tag: "admin",
        summary: "Revoke a session of a user",
        description: "The session is revoked immediately on all nodes.",
        responses: vec![ResponseDoc::constant("Done", "Session ended")],
        problems: vec![ProblemKind::UserNotFound, ProblemKind::SessionNotFound],
        ..OperationDoc::default()
    }
}
