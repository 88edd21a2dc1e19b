//! `DELETE /api/users/<id>/sessions/<session id>`: revokes one session of a user.

use crate::api::prelude::*;

#[delete("/api/users/<_>/sessions/<_>")]
pub(super) async fn revoke(auth: Authorized<'_, RevokeSessions>) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let revoked = auth.sessions().revoke(user_ref.id()?, auth.session_in_path()?, &auth.actor()).await;
    revoked.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Session ended"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc {
        operation_id: "revoke_session",
        tag: "sessions",
        summary: "Revoke a session",
        description: "The session is revoked immediately on all nodes.",
        responses: vec![ResponseDoc::constant("Done", "Session ended")],
        problems: vec![ProblemKind::UserNotFound, ProblemKind::SessionNotFound],
        ..OperationDoc::default()
    }
}
