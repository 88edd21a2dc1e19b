//! `DELETE /api/users/<id>/sessions/<session id>`: revokes one session of a user.

use crate::api::prelude::*;

#[delete("/api/users/<_>/sessions/<_>")]
pub(super) async fn revoke(auth: Authorized<'_, RevokeSessions>) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref;
    let revoked = auth.services.sessions.revoke(user_ref.id()?, auth.session_in_path()?, &auth.actor()).await;
    revoked.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Session ended"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("revoke_session", "Revoke a session")
        .description("The session is revoked immediately on all nodes.")
        .response(ResponseDoc::constant("Done", "Session ended"))
        .problems([ProblemKind::UserNotFound, ProblemKind::SessionNotFound])
}
