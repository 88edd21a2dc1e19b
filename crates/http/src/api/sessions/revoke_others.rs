//! `DELETE /api/users/<id>/sessions`: revokes all sessions of a user but the caller's own.

use crate::api::prelude::*;

#[delete("/api/users/<_>/sessions")]
pub(super) async fn revoke_others(auth: Authorized<'_, RevokeSessions>) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref;
    let revoked = auth.services.sessions.revoke_others(user_ref.id()?, &auth.actor()).await;
    revoked.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Other sessions ended"))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("revoke_other_sessions", "Revoke all other sessions")
        .description(
            "Revokes all sessions of the user except the current one. A service has no session, so it \
                      revokes all.",
        )
        .response(ResponseDoc::constant("Done", "Other sessions ended"))
        .problems([ProblemKind::UserNotFound])
}
