//! `GET /api/users/<id>/sessions`: the sessions of a user.

use crate::api::prelude::*;
use crate::api::views::SessionView;

/// The sessions of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionList)]
struct SessionListView<'a> {
    /// The sessions, newest first.
    sessions: Vec<SessionView<'a>>,
}

#[get("/api/users/<_>/sessions")]
pub(super) async fn list(auth: Authorized<'_, ReadSessions>) -> Result<ApiResponse, Problem> {
    let (user_ref, sessions) = (auth.user_ref, &auth.services.sessions);
    let found = sessions.list(user_ref.id()?).await.map_err(|error| user_ref.problem(error))?;
    let own = auth.own_session().map(|own| own.session.id);
    let views = found.iter().map(|session| SessionView::new(session, sessions.expires_at(session), own));
    Ok(ApiResponse::json(&SessionListView { sessions: views.collect() }))
}

pub(super) fn doc() -> OperationDoc {
    let sessions = json!({ "sessions": [examples::session(true)] });
    OperationDoc::new("list_sessions", "List the sessions of a user")
        .description("The active sessions, newest first.")
        .response(ResponseDoc::view::<SessionListView>("The sessions", sessions))
        .problems([ProblemKind::UserNotFound])
}
